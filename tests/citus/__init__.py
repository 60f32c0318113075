"""Tests on a real Citus cluster, where ``CALL_ANALYTICS_TEST_CITUS`` names its coordinator."""

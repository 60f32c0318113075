"""What an operator does with a database: migrations, the check, keys, organizations, the demo."""

"""What GraphQL clients see, and how a document is read and run.

No HTTP, no SQL and no arithmetic: a document, its variables and a context in, a result out.
"""

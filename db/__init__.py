"""How calls are stored: engines, tables, statements, migrations, import and demo data.

Imports nothing of the other rooms. SQLAlchemy is imported here and nowhere else.
"""

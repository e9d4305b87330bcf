"""Apache Spark as the SQL engine, for a bill that one machine cannot attribute: the same models, the same last unit of money.

Heavy parts (pyspark, sqlglot) load with the modules of this package, and only the job imports them.
"""

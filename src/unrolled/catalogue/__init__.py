"""Many runs as rows: files of results to keep and to share, and questions in SQL over a folder of runs.

DuckDB is imported when a file is read or written or a question is asked, and not before.
"""

from unrolled.catalogue.results import ResultRow, ResultsFile, read_results, write_results
from unrolled.catalogue.sql import Answer, ask

__all__ = ["Answer", "ResultRow", "ResultsFile", "ask", "read_results", "write_results"]

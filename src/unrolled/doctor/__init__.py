"""What is wrong with this cell? Somebody's own module is compared with a reference and its fault is named.

`examine` runs the user's code in this process; `consult` in a process of its own, with a time limit.
"""

from unrolled.doctor.consulting import consult
from unrolled.doctor.faults import FAULTS, Fault
from unrolled.doctor.finding import Diagnosis, Finding
from unrolled.doctor.reference import REFERENCES, Reference

__all__ = ["FAULTS", "REFERENCES", "Diagnosis", "Fault", "Finding", "Reference", "consult"]

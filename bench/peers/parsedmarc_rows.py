"""Reads the first reports of a file with parsedmarc, offline; prints rows, seconds of CPU and MB at the peak."""

import resource
import struct
import sys
import time

import parsedmarc

path, count = sys.argv[1], int(sys.argv[2])
rows = 0
start = time.process_time()
with open(path, "rb") as pack:
    for _ in range(count):
        (length,) = struct.unpack(">I", pack.read(4))
        report = parsedmarc.parse_report_file(pack.read(length), offline=True)
        rows += len(report["report"]["records"])
seconds = time.process_time() - start
print(rows, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)

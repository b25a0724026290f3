"""Reads the first reports of a folder with parsedmarc, offline; prints rows, seconds of CPU and MB at the peak."""

import pathlib
import resource
import sys
import time

import parsedmarc

folder, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])
rows = 0
start = time.process_time()
for number in range(count):
    report = parsedmarc.parse_report_file(str(folder / f"{number}.xml.gz"), offline=True)
    rows += len(report["report"]["records"])
seconds = time.process_time() - start
print(rows, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)

-- The same bytes that come by another way may prove their sender there: each way is a row, until one of them is proven.
ALTER TABLE reports ADD COLUMN way TEXT NOT NULL DEFAULT '';
DROP INDEX reports_evidence;
CREATE UNIQUE INDEX reports_evidence ON reports (evidence, kind, way);

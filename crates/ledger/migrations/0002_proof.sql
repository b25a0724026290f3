-- By which way a report's submitter was proven, and what an MTA of ours in front said of SPF.

ALTER TABLE reports ADD COLUMN told_spf TEXT;
ALTER TABLE reports ADD COLUMN proven_by TEXT;

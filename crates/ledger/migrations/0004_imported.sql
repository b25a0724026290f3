-- From which file a report came is looked up by its evidence, for each line of a list.
CREATE INDEX imported_sources_evidence ON imported_sources (evidence);

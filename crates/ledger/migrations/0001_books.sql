-- Reports, jobs, what was sent and what was imported. Times are microseconds since 1970; booleans are 0 and 1.

-- One submission through one channel. The same bytes for the same kind of recipient are one row.
CREATE TABLE reports (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    read_as TEXT,
    channel TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    evidence TEXT NOT NULL,
    size BIGINT NOT NULL,
    client TEXT NOT NULL,
    helo TEXT NOT NULL,
    mail_from TEXT,
    recipient TEXT NOT NULL,
    submitter TEXT,
    domain TEXT,
    state TEXT NOT NULL,
    reason TEXT,
    marked_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX reports_evidence ON reports (evidence, kind);
CREATE INDEX reports_received ON reports (received_at, id);
CREATE INDEX reports_state ON reports (state, received_at);
CREATE INDEX reports_domain ON reports (domain, received_at);

-- Work to be done, and who does it. A job is free when `free_at` has come; what is done or dead has none.
CREATE TABLE jobs (
    id TEXT NOT NULL PRIMARY KEY,
    queue TEXT NOT NULL,
    subject TEXT NOT NULL,
    payload TEXT NOT NULL,
    once TEXT NOT NULL,
    state TEXT NOT NULL,
    free_at BIGINT,
    attempts BIGINT NOT NULL,
    max_attempts BIGINT NOT NULL,
    worker TEXT,
    last_error TEXT,
    made_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX jobs_once ON jobs (once);
CREATE INDEX jobs_free ON jobs (queue, free_at);
CREATE INDEX jobs_state ON jobs (state, changed_at);

-- Reports that count: one row for each (authenticated submitter, org, report id, domain, begin, end). `claim` is their hash.
CREATE TABLE aggregate_reports (
    claim TEXT NOT NULL PRIMARY KEY,
    report TEXT NOT NULL,
    part BIGINT NOT NULL,
    kind TEXT NOT NULL,
    authenticated BIGINT NOT NULL,
    submitter TEXT NOT NULL,
    org TEXT NOT NULL,
    report_id TEXT NOT NULL,
    domain TEXT NOT NULL,
    begin_at BIGINT NOT NULL,
    end_at BIGINT NOT NULL,
    row_count BIGINT NOT NULL,
    message_count BIGINT NOT NULL,
    claimed_at BIGINT NOT NULL
);
CREATE INDEX aggregate_reports_report ON aggregate_reports (report, part);
CREATE INDEX aggregate_reports_domain ON aggregate_reports (domain, end_at);

-- Reports of ours: one row for each (domain, day, kind, destination). `claim` is their hash.
CREATE TABLE outgoing_reports (
    id TEXT NOT NULL PRIMARY KEY,
    claim TEXT NOT NULL,
    domain TEXT NOT NULL,
    day BIGINT NOT NULL,
    kind TEXT NOT NULL,
    destination TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    reason TEXT,
    evidence TEXT,
    message_id TEXT,
    planned_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX outgoing_reports_claim ON outgoing_reports (claim);
CREATE INDEX outgoing_reports_planned ON outgoing_reports (planned_at, id);
CREATE INDEX outgoing_reports_message ON outgoing_reports (message_id);

-- What `sekisho report import` has behind it. `source` is the hash of path, size and time; no evidence: the whole source.
CREATE TABLE imported_sources (
    source TEXT NOT NULL,
    evidence TEXT NOT NULL,
    path TEXT NOT NULL,
    size BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    imported_at BIGINT NOT NULL,
    PRIMARY KEY (source, evidence)
);

// SPDX-License-Identifier: Apache-2.0
/** The first tables. Never edited once released: a change of a table is the next number. */
export const sql = `
-- Rules of one's own (in_group NULL) and of groups: one sequence of ids for both. AUTOINCREMENT: an id is never given twice.
CREATE TABLE rules (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  in_group TEXT,
  text TEXT NOT NULL,
  occurrence INTEGER NOT NULL,          -- 0 for the first of several equal texts in a group
  placed INTEGER NOT NULL,              -- 0: no longer in the group's file, remembered for a while
  placed_ms INTEGER NOT NULL,
  enabled INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  ends TEXT NOT NULL                    -- JSON of RuleEnd
) STRICT;
CREATE UNIQUE INDEX rules_of_groups ON rules (in_group, text, occurrence) WHERE in_group IS NOT NULL;

CREATE TABLE revisions (
  revision INTEGER PRIMARY KEY AUTOINCREMENT,
  time_ms INTEGER NOT NULL,
  kind TEXT NOT NULL,
  undoes INTEGER
) STRICT;
CREATE TABLE revision_changes (
  revision INTEGER NOT NULL REFERENCES revisions ON DELETE CASCADE,
  step INTEGER NOT NULL,
  rule INTEGER NOT NULL,
  before TEXT,                          -- JSON of StoredRule
  after TEXT,
  PRIMARY KEY (revision, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE rule_hits (rule INTEGER PRIMARY KEY, hits INTEGER NOT NULL, last_used_ms INTEGER NOT NULL) STRICT;
CREATE TABLE disabled_groups (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE documents (name TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT;

CREATE TABLE questions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  asked_ms INTEGER NOT NULL,
  question TEXT NOT NULL,
  answered_ms INTEGER,
  answer TEXT
) STRICT;
CREATE INDEX questions_open ON questions (id) WHERE answered_ms IS NULL;

-- The identity of an app is long and stands in many flows, so it is kept once.
CREATE TABLE flow_apps (id INTEGER PRIMARY KEY, app TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE flows (
  id INTEGER PRIMARY KEY,
  app INTEGER REFERENCES flow_apps,
  state TEXT NOT NULL,
  last_ms INTEGER NOT NULL,
  record TEXT NOT NULL                  -- JSON of FlowRecord without app and state
) STRICT;
CREATE INDEX flows_by_time ON flows (last_ms);
CREATE INDEX flows_not_closed ON flows (id) WHERE state <> 'closed';
CREATE INDEX flows_by_app ON flows (app);
CREATE TABLE flow_ids (one INTEGER PRIMARY KEY CHECK (one = 1), next INTEGER NOT NULL) STRICT;
INSERT INTO flow_ids VALUES (1, 1);
`;

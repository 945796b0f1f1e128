-- One index of all states had a leaf for each that changes; what is under way fits in few pages,
-- and what has ended only grows at one end.
DROP INDEX jobs_by_state;
CREATE INDEX jobs_living ON jobs (state, number) WHERE ended IS NULL;
CREATE INDEX jobs_ended ON jobs (state, number) WHERE ended IS NOT NULL;

-- A disconnect that was started and not completed: who started it and when, and the host and the run of its process. It
-- is stored before the provider is asked to revoke the credential, and removed with the row.
alter table connections add column disconnect_by text;
alter table connections add column disconnect_at bigint;
alter table connections add column disconnect_host text;
alter table connections add column disconnect_run text;

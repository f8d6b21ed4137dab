-- JSON: the destinations that the value was entered for, each a host and a placement. It is authenticated with the
-- ciphertext. Null in rows of an older version, until the first start of this one.
alter table sealed_values add column entered_for text;

-- Finds a person by the company's id. It is not unique, because earlier versions accepted an id for several people.
create index people_user_id on people (user_id);

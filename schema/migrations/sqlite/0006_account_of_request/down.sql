-- Which account a request came with is lost.
ALTER TABLE requests DROP COLUMN account;

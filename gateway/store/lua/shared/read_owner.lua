-- read_owner: read whose the store is, and the time.
-- KEYS  1 the hash that holds the owner
-- Returns the record ("" where there is none), and the server's time in ms.
return {redis.call('HGET', KEYS[1], 'owner') or '', clock()}

-- write_chunk: store a chunk of an audience that is being read, and renew the lease of that upload.
-- KEYS  1 the number's prefix
-- ARGV  1 the upload, 2 for how many ms its lease goes on, 3 the chunk's key, 4 its lifetime in ms, 5 it
-- Returns 1 when written, 0 where the lease ran out: an erasure may have been done since.
local uploads, now = KEYS[1] .. 'uploads', clock()
if tonumber(redis.call('ZSCORE', uploads, ARGV[1]) or 0) <= now then return 0 end
redis.call('ZADD', uploads, now + tonumber(ARGV[2]), ARGV[1])
redis.call('SET', ARGV[3], ARGV[5], 'PX', ARGV[4])
return 1

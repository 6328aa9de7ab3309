-- replace_text: write a text in place of the one that was read, and leave its end as it is.
-- KEYS  1 the text
-- ARGV  1 the text that was read, 2 the text to write
-- Returns 1 when written, 0 where it is gone, or another process was faster.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1

-- fence_number: take a number over from layout 1, whose senders can take no more of its sends. What
-- they learn of attempts that they took before is still recorded: their script does that first.
-- KEYS  1 the number's prefix
-- ARGV  1 the value that a process of layout 1 finds in place of its pace
-- Returns 1 where it is done now, 0 where it was done before.
local pace, tokens = KEYS[1] .. 'pace', KEYS[1] .. 'tokens'
if redis.call('TYPE', pace).ok == 'string' then return 0 end
if redis.call('EXISTS', pace) == 1 then redis.call('COPY', pace, tokens, 'REPLACE') end
redis.call('SET', pace, ARGV[1])
return 1

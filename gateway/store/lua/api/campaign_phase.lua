-- campaign_phase: lead a campaign into another phase, if it is in one of those named.
-- with: recipients
-- KEYS  1 the number's prefix
-- ARGV  1 campaign, 2 phases in which it may be, with commas, 3 the new phase or "" to stay, 4 by
--       whom, 5 why, 6 the cell of recipients who are not written to any more or "", 7 lifetime in
--       ms, then names and values of fields
-- Returns {"1" if that was done, the phase before or "" for an unknown campaign}.
local campaign, now = KEYS[1] .. 'campaign:' .. ARGV[1], clock()
local phase = redis.call('HGET', campaign, 'phase')
if not phase then return {'', ''} end
if not (',' .. ARGV[2] .. ','):find(',' .. phase .. ',', 1, true) then return {'', phase} end
if #ARGV > 7 then redis.call('HSET', campaign, unpack(ARGV, 8)) end
if ARGV[3] == '' then return {'1', phase} end
local left = tonumber(redis.call('HGET', campaign, 'cell:waiting') or 0)
if ARGV[6] ~= '' and left > 0 then
  redis.call('HSET', campaign, 'rest', ARGV[6])
  redis.call('HINCRBY', campaign, 'cell:' .. ARGV[6], left)
  redis.call('HINCRBY', campaign, 'cell:waiting', -left)
end
redis.call('RPUSH', campaign .. ':log', string.format('%.0f|%s|%s|%s', now, ARGV[3], ARGV[4], ARGV[5]))
redis.call('LTRIM', campaign .. ':log', -100, -1)
for _, key in ipairs({campaign, campaign .. ':log', campaign .. ':recipients'}) do
  redis.call('PEXPIRE', key, ARGV[7])
end
redis.call('HSET', campaign, 'phase', ARGV[3], 'by', ARGV[4], 'why', ARGV[5], 'changed', now)
return {'1', phase}

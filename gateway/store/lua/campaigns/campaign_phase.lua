-- campaign_phase: lead a campaign into another phase, if it is in one of those named.
-- with: recipients
-- KEYS  1 the number's prefix
-- ARGV  1 campaign, 2 phases in which it may be, with commas, 3 the new phase or "" to stay, 4 by
--       whom, 5 why, 6 the cell of recipients who are not written to any more or "", 7 lifetime in
--       ms, 8 the audience that it must have or "" for any, 9 when its last check was in ms, likewise,
--       then names and values of fields
-- Returns {"1" if that was done, the phase before or "" for an unknown campaign}.
-- The phase is the last write: whoever repeats the call finishes what a failure left undone.
local number, campaign, now = KEYS[1], KEYS[1] .. 'campaign:' .. ARGV[1], clock()
local to, by, why, rest = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local phase = redis.call('HGET', campaign, 'phase')
if not phase then return {'', ''} end
for i, field in ipairs({'audience', 'checked'}) do
  local wanted = ARGV[7 + i]
  if wanted ~= '' and redis.call('HGET', campaign, field) ~= wanted then return {'', phase} end
end
if not (',' .. ARGV[2] .. ','):find(',' .. phase .. ',', 1, true) then return {'', phase} end
if #ARGV > 9 then redis.call('HSET', campaign, unpack(ARGV, 10)) end
if to == '' then return {'1', phase} end

-- The log names the new phase already where an earlier call failed after it.
local last = redis.call('LINDEX', campaign .. ':log', -1) or ''
if phase == to or last:match('^%d+|(%a+)|') ~= to then
  redis.call('RPUSH', campaign .. ':log', string.format('%.0f|%s|%s|%s', now, to, by, why))
  redis.call('LTRIM', campaign .. ':log', -100, -1)
end
for _, part in ipairs({'', ':log', ':recipients', unpack(C.ANSWERS)}) do
  redis.call('PEXPIRE', campaign .. part, ARGV[7])
end

-- What is queued already is held as the sends of a rule are; campaigns are few enough to hold all.
-- A draft has queued nothing, and of one that was cancelled before nothing is queued any more: no
-- worker looks at these, so nobody would release them.
local HOLDS = {paused = true, cancelled = true, expired = true}
local held = 'rule:campaign:' .. ARGV[1]
if HOLDS[to] and phase ~= 'draft' and not (to == 'cancelled' and phase == to) then
  redis.call('HSET', number .. 'stops', held, string.format('%.0f|%s', now, why))
elseif not HOLDS[to] then
  redis.call('HDEL', number .. 'stops', held)
end

local fields = {'phase', to, 'by', by, 'why', why, 'changed', now}
local left = tonumber(redis.call('HGET', campaign, 'cell:waiting') or 0)
if rest ~= '' and left > 0 then
  local there = tonumber(redis.call('HGET', campaign, 'cell:' .. rest) or 0)
  for _, part in ipairs({'rest', rest, 'cell:' .. rest, there + left, 'cell:waiting', 0}) do
    fields[#fields + 1] = part
  end
end
redis.call('HSET', campaign, unpack(fields))
return {'1', phase}

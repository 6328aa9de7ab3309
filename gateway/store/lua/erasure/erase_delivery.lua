-- erase_delivery: remove a delivery that has had its effect, and keep what is left of it for others.
-- with: entry_order
-- KEYS  1 the partition's prefix
-- ARGV  1 entry, 2 header of the redacted copy, 3 that copy ("" where nothing is left for others),
--       4 how long deliveries are stored, in ms
-- Returns 1 when done, 0 where the delivery still waits for its effect. One that is deferred, and
-- concerns no others, need not have it: it is removed unless a worker has it in hand.
-- The copy is written first, so that a failure half-way loses nothing of the others.
local entry = ARGV[1]
local row = redis.call('HMGET', KEYS[1] .. 'cursor', 'at', 'holder', 'asides')
if is_earlier(row[1] or '0-0', entry) then return 0 end

local is_deferred = redis.call('ZSCORE', KEYS[1] .. 'aside', entry)
local function is_in_hand()
  return (row[2] or '') ~= '' and (' ' .. (row[3] or '') .. ' '):find(' ' .. entry .. ' ', 1, true)
end
if is_deferred and (ARGV[3] ~= '' or is_in_hand()) then return 0 end

if ARGV[3] ~= '' then
  local copy = KEYS[1] .. 'redacted:' .. entry
  redis.call('HSET', copy, 'h', ARGV[2], 'b', ARGV[3])
  redis.call('PEXPIRE', copy, math.max(1000, ARGV[4] - (clock() - entry:match('^%d+'))))
end
leave_aside(KEYS[1], entry)
redis.call('XDEL', KEYS[1] .. 'inbox', entry)
return 1

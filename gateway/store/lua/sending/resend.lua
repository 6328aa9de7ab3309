-- resend: put an unconfirmed send back to the end of its lane, once in its life.
-- with: lanes
-- KEYS  1 the number's prefix
-- ARGV  1 send, 2 the attempt that the decision was about
-- Returns 1 if it will be posted again, 0 where its outcome became known meanwhile.
local number, id = KEYS[1], ARGV[1]
local now = clock()
local send = number .. 'send:' .. id
local row = redis.call('HMGET', send, 'stage', 'attempts', 'repeated', 'overtaken', 'lane', 'rank',
  'expires')
if row[1] ~= 'unconfirmed' or row[2] ~= ARGV[2] or row[3] or row[4] then return 0 end
if tonumber(row[7]) <= now then return 0 end

enqueue(number, row[6], row[5], id, nil, now)
redis.call('ZREM', number .. 'unconfirmed', id)
track(number, id, 'queued')
redis.call('HSET', send, 'repeated', 1, 'stage', 'queued', 'rung', C.STATUS_RANK.queued)
count(number, 'sends.repeated')
return 1

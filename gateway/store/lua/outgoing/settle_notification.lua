-- settle_notification: record how an attempt to post a notification ended, and what follows.
-- with: notifications, attempts
-- KEYS  1 the number's prefix
-- ARGV  1 id, 2 attempt, 3 "delivered", "later" or "dead", 4 wait in ms, 5 the reason in words,
--       6 how long it may wait in ms, 7 how long one that ended can be read
-- Returns 1, or 0 where a later attempt decides what follows, or it was over already. An answer is a
-- fact, whoever brings it and however late: what was received is received.
local number, id, attempt = KEYS[1], ARGV[1], tonumber(ARGV[2])
local key = notification_key(number, id)
local now = clock()
local row = redis.call('HMGET', key, 'stage', 'attempts', 'planned')
if not row[1] then return 0 end

end_attempt(key, attempt, ARGV[5])

if ARGV[3] == 'delivered' then
  if row[1] == 'delivered' then return 0 end
  end_notification(number, id, 'delivered', ARGV[7])
elseif is_over(row[1]) or tonumber(row[2]) ~= attempt then
  return 0
elseif ARGV[3] == 'dead' then
  end_notification(number, id, 'dead', ARGV[7])
else
  redis.call('ZADD', number .. 'notifications_due', math.min(now + ARGV[4], row[3] + ARGV[6]), id)
end
return 1

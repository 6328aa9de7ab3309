-- Pace: how many messages of a number may go now, and when the next may go to one customer.
-- `{n}tokens` holds tokens and the moment `at` which they were counted, the `rate` they grow by,
-- the part that customers' messages may use (`share`, counted at `share_at`), when a pump last
-- `took` sends, how many tokens were taken since notices and bulk sends had their share
-- (`owed_notices`, `owed`), what Meta `granted` since the settings were written, until when the
-- number has to `rest`, and how `slow` Meta's refusals made it at `slow_at`.
local PAIR_EVERY, PAIR_BURST = 6000, 45 -- one in six seconds, 45 of them at once
local PAIR_SLACK = 1000 -- Meta counts from arrival, which may take the first message long
local LEAST, HEALED_IN, CALM = 0.1, 60000, 1000
-- A moment beyond any wait that codes ask for was given by a clock that stepped back since.
local REST_LAST, PAIR_LAST = 3600000, 300000

-- Refusals lower a share of the rate, which recovers by itself within a minute.
local function slowness(slow, slow_at, now)
  if not slow or now < tonumber(slow_at) then return 1 end
  return math.min(1, tonumber(slow) + (now - tonumber(slow_at)) / HEALED_IN)
end

-- The bucket holds a tenth of a second's worth: a full second's burst would put nearly two seconds'
-- messages into one, which Meta refuses.
local function filled(tokens, at, rate, now)
  local room = math.max(1, rate / 10)
  local elapsed = now - tonumber(at or 0)
  return math.min(room, tonumber(tokens or room) + math.max(0, elapsed) * rate / 1000), elapsed
end

local function pace_of(number, now, configured)
  local f = redis.call('HMGET', number .. 'tokens', 'tokens', 'at', 'granted', 'rest', 'slow', 'slow_at',
    'owed_notices', 'owed')
  local granted = math.max(configured, tonumber(f[3] or 0))
  local rate = math.max(1, granted * slowness(f[5], f[6], now))
  local tokens, elapsed = filled(f[1], f[2], rate, now)
  local rest = tonumber(f[4] or 0) - now
  rest = rest <= REST_LAST and math.max(0, rest) or 0
  return {tokens = tokens, rate = rate, rest = rest, back = elapsed < 0,
    owed = {notice = tonumber(f[7] or 0), bulk = tonumber(f[8] or 0)}}
end

-- Customers' messages use a number's throughput too. Their debt is limited to a second's worth, so
-- that working off a backlog does not silence the number, and over time to half the rate, so that
-- customers who keep writing do not either.
local function pay_inbound(number, now, messages)
  local f = redis.call('HMGET', number .. 'tokens', 'tokens', 'at', 'rate', 'share', 'share_at')
  if not f[3] then return end
  local rate = tonumber(f[3])
  local earned = math.max(0, now - tonumber(f[5] or 0)) * rate / 2000
  local share = math.min(rate, tonumber(f[4] or rate) + earned)
  local paid = math.min(messages, share)
  local tokens = math.max(-rate, filled(f[1], f[2], rate, now) - paid)
  redis.call('HSET', number .. 'tokens', 'tokens', tokens, 'at', now, 'share', share - paid, 'share_at', now)
end

local function rest(number, now, wait)
  local before = tonumber(redis.call('HGET', number .. 'tokens', 'rest') or 0)
  if now + wait > before or before > now + REST_LAST then
    redis.call('HSET', number .. 'tokens', 'rest', now + wait)
  end
end

-- Refusals come in groups, and each group lowers the share once.
local function slow_down(number, now)
  local f = redis.call('HMGET', number .. 'tokens', 'slow', 'slow_at')
  local since = f[2] and now - tonumber(f[2])
  if since and since >= 0 and since < CALM then return end
  local slow = math.max(LEAST, slowness(f[1], f[2], now) * 0.8)
  redis.call('HSET', number .. 'tokens', 'slow', string.format('%.4f', slow), 'slow_at', now)
end

-- The moment at which all that went to a customer is earned again: `now` where it is already.
local function paid_until(number, now, lane)
  local paid = tonumber(redis.call('GET', number .. 'pair:' .. lane) or 0)
  return paid - now <= PAIR_LAST + PAIR_BURST * PAIR_EVERY and math.max(now, paid) or now
end

local function pay_until(number, now, lane, paid)
  redis.call('SET', number .. 'pair:' .. lane, paid, 'PX', paid - now)
end

-- The moment from which one more message may go to a customer who is `paid` for until then;
-- `pay_pair` counts one.
local function pair_from(paid)
  return paid - (PAIR_BURST - 1) * PAIR_EVERY + PAIR_SLACK
end

local function pay_pair(number, now, lane, paid)
  pay_until(number, now, lane, paid + PAIR_EVERY)
end

local function rest_pair(number, now, lane, wait)
  local paid = now + wait + (PAIR_BURST - 1) * PAIR_EVERY - PAIR_SLACK
  pay_until(number, now, lane, math.max(paid, paid_until(number, now, lane)))
end

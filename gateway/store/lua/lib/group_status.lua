-- Of a group each participant climbs a ladder of their own, in `{n}members:<send>`: a participant's
-- row is "<rung> <stage> <moment> <code>". Beyond so many participants they are only counted.
local MOST_MEMBERS = 1024

local function climb(number, id, who, stage, rung, when, code)
  local members = number .. 'members:' .. id
  local told = redis.call('HGET', members, who)
  local before = told and tonumber(told:match('^%d+'))
  if not told and redis.call('HLEN', members) >= MOST_MEMBERS then
    return count(number, 'statuses.crowded')
  end
  if told and rung < before then return count(number, 'statuses.backwards') end
  if told and before == C.STATUS_RANK.failed and rung > C.STATUS_RANK.failed then return end
  redis.call('HSET', members, who, rung .. ' ' .. stage .. ' ' .. when .. ' ' .. code)
  redis.call('PEXPIRE', members, C.MONTH_MS)
end

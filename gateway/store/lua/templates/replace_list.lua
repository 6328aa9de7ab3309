-- replace_list: put a list that was fetched whole in the place of the one before.
-- KEYS  1 the registry's prefix
-- ARGV  1 who fetched it, 2 when that began in ms, 3 how many templates it has, then the templates
--       of it that Meta has stopped
-- Returns 1, or 0 where another process fetches by now, or a part of the list is missing: then
-- nothing is changed.
-- News that came while the list was fetched are newer than it; all others are in it. What a failure
-- leaves half done, the next fetch does again: until the end the list is due.
local registry = KEYS[1]
if redis.call('GET', registry .. 'fetching') ~= ARGV[1] then return 0 end
if redis.call('HLEN', registry .. 'incoming:rows') ~= tonumber(ARGV[3]) then return 0 end
local now, began = clock(), tonumber(ARGV[2])
-- First of all, so that processes look at whatever a failure may leave.
redis.call('HINCRBY', registry .. 'state', 'version', 1)
for _, what in ipairs({'rows', 'words'}) do
  redis.call('UNLINK', registry .. what)
  if redis.call('PERSIST', registry .. 'incoming:' .. what) == 1 then
    redis.call('RENAME', registry .. 'incoming:' .. what, registry .. what)
  end
end
local stopped = {}
for i = 4, #ARGV do stopped[ARGV[i]] = '0' end
local words = redis.call('HGETALL', registry .. 'news')
for i = 1, #words, 2 do
  local seen, news = words[i + 1]:match('^%d+|(%d+)|(.*)$')
  if not seen or tonumber(seen) < began then
    redis.call('HDEL', registry .. 'news', words[i])
  else
    local template = words[i]:match('^status (.*)$')
    if template then
      redis.call('HSET', registry .. 'words', template, cjson.decode(news).value)
      stopped[template] = redis.call('HGET', registry .. 'stopped', template) or nil
    end
  end
end
redis.call('DEL', registry .. 'stopped')
for template, till in pairs(stopped) do redis.call('HSET', registry .. 'stopped', template, till) end
redis.call('HSET', registry .. 'state', 'count', ARGV[3], 'began', began, 'fetched_at', now,
  'tried_at', now, 'error', '')
return 1

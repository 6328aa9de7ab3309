-- note_flag: record that Meta flags the quality of a number, or does so no more.
-- KEYS  1 the number's prefix
-- ARGV  1 when that was in ms, 2 "1" where it is flagged, 3 how late it may come in ms to count from
--       now on and not from its moment
-- Returns 1 if it was recorded, 0 where something newer is known, or the same.
-- A notice that was replayed, or came late, says nothing about what began since.
local flagged, news, now = KEYS[1] .. 'flagged', KEYS[1] .. 'flag_news', clock()
local at, is_flagged = math.min(tonumber(ARGV[1]), now), ARGV[2] == '1'
local known = tonumber(redis.call('GET', news) or '') or -1
if known > at then return 0 end
if known == at and (redis.call('EXISTS', flagged) == 1) == is_flagged then return 0 end
if is_flagged then
  local counts_from = now - at <= tonumber(ARGV[3]) and now or at
  redis.call('SET', flagged, string.format('%.0f', counts_from), 'PX', C.MONTH_MS)
else
  redis.call('DEL', flagged)
end
-- Last: it shows that all before it was done.
redis.call('SET', news, string.format('%.0f', at), 'PX', C.MONTH_MS)
return 1

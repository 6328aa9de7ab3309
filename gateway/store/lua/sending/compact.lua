-- compact: replace the rows of finished sends by records.
-- with: lanes, compact_records
-- KEYS  1 the number's prefix
-- ARGV  1 ms that texts live, 2 ms that records of replies and notices do, 3 of bulk sends; then for
--       each send id, its spot, stage, attempts and number of fields of its row as it was read, its members as
--       they were read, names and rows in one text, record, text, what the index holds beside the
--       entry, how many wamids it has, each wamid and its spot
-- Returns for each send 1 where it is done, 0 where its row or its members changed since.
-- The index entries are written before the row goes: repeating it leaves one more record, to which
-- nothing leads.
local number, now = KEYS[1], clock()
local MOST_DROPPED = 1000

local function since(lifetime)
  return string.format('%.0f', math.max(0, now - tonumber(lifetime)))
end

-- Records of notices live as long as those of replies, in the same stream.
local function append(rank, record, text)
  local entry = redis.call('XADD', number .. 'texts', 'MINID', '~', since(ARGV[1]), 'LIMIT', MOST_DROPPED, '*',
    't', text)
  local done, lives = 'done:reply', ARGV[2]
  if rank == 'bulk' then done, lives = 'done:bulk', ARGV[3] end
  redis.call('XADD', number .. done, 'MINID', '~', since(lives), 'LIMIT', MOST_DROPPED, entry, 'r', record)
  local ms, nth = entry:match('^(%d+)-(%d+)$')
  return struct.pack('>I6I2', ms, nth)
end

local generation, added = index_now(number, now), 0

local function compact(id, spot, stage, attempts, fields, read, record, text, head, first, last)
  local send, members = number .. 'send:' .. id, number .. 'members:' .. id
  local row = redis.call('HMGET', send, 'stage', 'attempts', 'final', 'rung', 'rank')
  if not row[1] or not (row[3] or tonumber(row[4]) >= C.STATUS_RANK.accepted) then
    redis.call('ZREM', number .. 'finished', id)
    return 1
  end
  if row[1] ~= stage or row[2] ~= attempts or redis.call('HLEN', send) ~= tonumber(fields) then return 0 end
  -- A participant's status need not change the row. In another order they are only read again.
  if table.concat(redis.call('HGETALL', members)) ~= read then return 0 end
  local place = append(row[5], record, text)
  for i = first, last, 2 do write_spot(number, generation, ARGV[i + 1], spot) end
  write_spot(number, generation, spot, place .. head)
  for i = first, last, 2 do redis.call('DEL', number .. 'wamid:' .. ARGV[i]) end
  redis.call('DEL', members, send)
  redis.call('ZREM', number .. 'finished', id)
  added = added + 1
  return 1
end

local done, at = {}, 4
while at <= #ARGV do
  local last = at + 9 + 2 * tonumber(ARGV[at + 9])
  done[#done + 1] = compact(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], ARGV[at + 5],
    ARGV[at + 6], ARGV[at + 7], ARGV[at + 8], at + 10, last)
  at = last + 1
end
if added > 0 then redis.call('HINCRBY', number .. 'index:count', generation:match('^%d+'), added) end
return done

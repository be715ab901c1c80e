-- Strings made, formatted, searched by patterns, and put together.
local function page(number)
  local parts = {}
  for line = 1, 200 do
    parts[#parts + 1] = string.format("%05d: item %s costs %.2f", line, ("x"):rep(line % 7), line * number / 8)
  end
  return table.concat(parts, "\n")
end

local begun = os.clock()
local digits, words, length, turned = 0, 0, 0, 0
for number = 1, 480 do
  local text = page(number)
  length = length + #text
  for figure in text:gmatch("%d+") do digits = digits + #figure end
  local upper, changed = text:gsub("item (x*)", function(name) return "[" .. name:upper() .. "]" end)
  words = words + changed
  turned = turned + select(2, upper:reverse():gsub("X%[", ""))
  local at = 1
  while true do
    local from, to = text:find("costs", at, true)
    if not from then break end
    at = to + 1
  end
end
print(digits, words, length, turned)
print(os.clock() - begun)

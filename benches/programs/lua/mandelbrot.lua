-- How many points of a grid stay bounded.
local function inside(size, steps)
  local total = 0
  for y = 0, size - 1 do
    local ci = 2 * y / size - 1
    for x = 0, size - 1 do
      local cr = 2 * x / size - 1.5
      local r, i, n = 0.0, 0.0, 0
      while n < steps and r * r + i * i <= 4 do
        r, i = r * r - i * i + cr, 2 * r * i + ci
        n = n + 1
      end
      if n == steps then total = total + 1 end
    end
  end
  return total
end

local begun = os.clock()
print(inside(300, 100))
print(os.clock() - begun)

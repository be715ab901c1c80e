-- The greatest singular value of an endless matrix, by calls of small functions.
local function element(i, j)
  local ij = i + j - 1
  return 1.0 / (ij * (ij - 1) * 0.5 + i)
end

local function times(x, y, n)
  for i = 1, n do
    local sum = 0
    for j = 1, n do sum = sum + x[j] * element(i, j) end
    y[i] = sum
  end
end

local function transposed(x, y, n)
  for i = 1, n do
    local sum = 0
    for j = 1, n do sum = sum + x[j] * element(j, i) end
    y[i] = sum
  end
end

local begun = os.clock()
local n = 360
local u, v, t = {}, {}, {}
for i = 1, n do u[i] = 1 end
for _ = 1, 10 do
  times(u, t, n) transposed(t, v, n)
  times(v, t, n) transposed(t, u, n)
end
local top, bottom = 0, 0
for i = 1, n do
  top, bottom = top + u[i] * v[i], bottom + v[i] * v[i]
end
print(string.format("%.9f", math.sqrt(top / bottom)))
print(os.clock() - begun)

exports.handler = (_context, { terms = [] }, callback) => {
  const numbers = [terms].flat().map(Number)
  callback(null, { numbers, total: numbers.reduce((sum, number) => sum + number, 0) })
}

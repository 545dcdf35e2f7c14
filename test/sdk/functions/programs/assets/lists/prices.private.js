const prices = JSON.parse(Runtime.getAssets()['/lists/prices.json'].open())

exports.priceOf = (name) => prices[name]

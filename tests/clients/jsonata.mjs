// What a JSONata expression makes of a JSON document: node jsonata.mjs EXPRESSION JSON
import jsonata from 'jsonata';

const [expression, json] = process.argv.slice(2);
console.log(JSON.stringify(await jsonata(expression).evaluate(JSON.parse(json))));

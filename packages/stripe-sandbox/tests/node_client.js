// Stripe's own SDK for Node against the sandbox: node node_client.js PORT
const Stripe = require("stripe");

async function main(port) {
  const stripe = new Stripe("sk_test_node", { host: "127.0.0.1", port, protocol: "http" });
  const product = await stripe.products.create({
    name: "Größe & 100 %",
    default_price_data: { currency: "usd", unit_amount: 900, recurring: { interval: "month" } },
  });
  const session = await stripe.checkout.sessions.create({
    mode: "subscription",
    line_items: [{ price: product.default_price, quantity: 1 }],
    success_url: "https://shop.example/done",
  });
  const refused = await stripe.products.retrieve("prod_nothing").catch((error) => error.code);
  const names = [];
  for await (const found of stripe.products.list({ limit: 1 })) names.push(found.name);
  console.log(JSON.stringify({ names, url: session.url, refused, total: session.amount_total }));
}

main(Number(process.argv[2]));

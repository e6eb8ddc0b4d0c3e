// A store's calls with any npm stripe from 14 on: node node_client.js PORT
// Prints JSON lines: {"client": …, "api_version": …}, then {"call": …, "error": …} for each call. Fails if one has an error.
const assert = require("node:assert/strict");
const http = require("node:http");
const Stripe = require("stripe");

const port = Number(process.argv[2]);
const stripe = new Stripe("sk_test_clients", { host: "127.0.0.1", port, protocol: "http", telemetry: false });
const version = stripe.getApiField("version");
const [beforeClover, beforeDahlia, beforeEndive] = ["2025-09-30", "2026-03-25", "2026-09-30"].map(
  (date) => version < date,
);
const s = {}; // what later calls need of earlier ones

async function control(path, params) {
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify(params);
  return (await fetch(`http://127.0.0.1:${port}/control/${path}`, { method: "POST", headers, body })).json();
}

async function until(condition) {
  const deadline = Date.now() + 20000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, "timeout");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const ids = (list) => list.data.map((each) => each.id);

async function collect(list) {
  const found = [];
  for await (const each of list) found.push(each);
  return found;
}

const calls = {
  "products.create, retrieve, update": async () => {
    const price = { currency: "usd", unit_amount: 1900 };
    const made = await stripe.products.create({ name: "Größe & 100 %", default_price_data: price });
    s.product = made.id;
    const found = await stripe.products.retrieve(made.id, { expand: ["default_price"] });
    s.price = found.default_price.id;
    assert.equal(found.default_price.unit_amount, 1900);
    assert.equal((await stripe.products.update(made.id, { metadata: { a: "1" } })).metadata.a, "1");
  },
  "products.list with auto-paging, search": async () => {
    await stripe.products.create({ name: "Other" });
    assert.equal((await collect(stripe.products.list({ limit: 1 }))).length, 2);
    assert.deepEqual(ids(await stripe.products.search({ query: "metadata['a']:'1'" })), [s.product]);
  },
  "prices.create, retrieve, update, list, search": async () => {
    const plan = { product: s.product, currency: "usd", unit_amount: 900, recurring: { interval: "month" } };
    s.monthly = (await stripe.prices.create(plan)).id;
    assert.equal((await stripe.prices.update(s.monthly, { nickname: "Club" })).nickname, "Club");
    assert.equal((await stripe.prices.retrieve(s.monthly, { expand: ["product"] })).product.id, s.product);
    assert.deepEqual(ids(await stripe.prices.list({ type: "recurring" })), [s.monthly]);
    assert.equal((await stripe.prices.search({ query: `product:'${s.product}'` })).data.length, 2);
  },
  errors: async () => {
    const error = await stripe.products.retrieve("prod_nothing").catch((refused) => refused);
    assert.deepEqual([error.code, error.statusCode, error.type], ["resource_missing", 404, "StripeInvalidRequestError"]);
  },
  "idempotency key": async () => {
    const create = () => stripe.customers.create({ name: "Eve" }, { idempotencyKey: "one" });
    assert.equal((await create()).id, (await create()).id);
  },
  "customers.create, retrieve, update, list, search, del": async () => {
    s.customer = (await stripe.customers.create({ email: "ada@example.com", address: { country: "DE" } })).id;
    await stripe.customers.update(s.customer, { name: "Ada" });
    const expand = ["subscriptions", "sources", "tax_ids", "tax"];
    assert.equal((await stripe.customers.retrieve(s.customer, { expand })).name, "Ada");
    assert.deepEqual(ids(await stripe.customers.list({ email: "ada@example.com" })), [s.customer]);
    assert.deepEqual(ids(await stripe.customers.search({ query: "name:'ada'" })), [s.customer]);
    assert.equal((await stripe.customers.del((await stripe.customers.create({})).id)).deleted, true);
  },
  "paymentMethods.attach, list, detach": async () => {
    s.card = (await stripe.paymentMethods.attach("pm_card_visa", { customer: s.customer })).id;
    const other = (await stripe.paymentMethods.attach("pm_card_mastercard", { customer: s.customer })).id;
    assert.equal((await stripe.paymentMethods.list({ customer: s.customer, type: "card" })).data.length, 2);
    await stripe.paymentMethods.detach(other);
    assert.deepEqual(ids(await stripe.customers.listPaymentMethods(s.customer)), [s.card]);
    await stripe.customers.update(s.customer, { invoice_settings: { default_payment_method: s.card } });
  },
  "customers tax ids and sources": async () => {
    await stripe.customers.createTaxId(s.customer, { type: "eu_vat", value: "DE123456789" });
    assert.equal((await stripe.customers.listTaxIds(s.customer)).data.length, 1);
    assert.deepEqual((await stripe.customers.listSources(s.customer)).data, []);
  },
  "checkout.sessions in payment mode: create, retrieve, line items, list, expire": async () => {
    const params = {
      mode: "payment",
      line_items: [{ price: s.price, quantity: 2 }],
      success_url: "https://shop.example/done?session={CHECKOUT_SESSION_ID}",
      client_reference_id: "42",
      metadata: { order: "42" },
      payment_intent_data: { metadata: { order: "42" } },
      ui_mode: beforeDahlia ? "hosted" : "hosted_page",
      ...(beforeEndive ? { payment_method_types: ["card"] } : {}),
    };
    const session = await stripe.checkout.sessions.create(params);
    assert.deepEqual([session.amount_total, session.payment_method_types], [3800, ["card"]]);
    const expand = ["line_items.data.price.product", "total_details.breakdown"];
    const found = await stripe.checkout.sessions.retrieve(session.id, { expand });
    assert.equal(found.line_items.data[0].price.product.id, s.product);
    assert.equal((await stripe.checkout.sessions.listLineItems(session.id)).data[0].quantity, 2);
    assert.equal((await stripe.checkout.sessions.expire(session.id)).status, "expired");
    assert.deepEqual(ids(await stripe.checkout.sessions.list({ status: "expired" })), [session.id]);
  },
  "checkout.sessions.create in subscription mode": async () => {
    const session = await stripe.checkout.sessions.create({
      mode: "subscription",
      line_items: [{ price: s.monthly, quantity: 1 }],
      customer: s.customer,
      success_url: "https://shop.example/done",
      subscription_data: { trial_period_days: 14, metadata: { order: "42" } },
    });
    assert.ok(session.url.startsWith(`http://127.0.0.1:${port}/stripe-sandbox/checkout/cs_test_`));
  },
  "coupons.create, retrieve, update, list, del": async () => {
    s.coupon = (await stripe.coupons.create({ percent_off: 25, duration: "once", name: "Spring" })).id;
    await stripe.coupons.update(s.coupon, { name: "Summer" });
    assert.equal((await stripe.coupons.retrieve(s.coupon, { expand: ["applies_to"] })).name, "Summer");
    const other = await stripe.coupons.create({ amount_off: 500, currency: "usd", duration: "forever" });
    assert.equal((await stripe.coupons.list()).data.length, 2);
    assert.equal((await stripe.coupons.del(other.id)).deleted, true);
  },
  "promotionCodes.create, list, update": async () => {
    const coupon = beforeClover ? { coupon: s.coupon } : { promotion: { type: "coupon", coupon: s.coupon } };
    const code = await stripe.promotionCodes.create({ ...coupon, code: "SPRING" });
    assert.deepEqual(ids(await stripe.promotionCodes.list({ code: "SPRING" })), [code.id]);
    assert.equal((await stripe.promotionCodes.update(code.id, { active: false })).active, false);
  },
  "subscriptions.create, retrieve, update, list, search": async () => {
    const plan = { customer: s.customer, items: [{ price: s.monthly }], discounts: [{ coupon: s.coupon }] };
    const subscription = await stripe.subscriptions.create({ ...plan, expand: ["latest_invoice"] });
    s.subscription = subscription.id;
    assert.deepEqual([subscription.status, subscription.latest_invoice.amount_paid], ["active", 675]);
    if (version < "2025-03-31") { // before basil
      const old = await stripe.subscriptions.retrieve(s.subscription, { expand: ["latest_invoice.payment_intent"] });
      assert.equal(old.current_period_end, old.items.data[0].current_period_end);
      const { payment_intent: intent, paid, subscription: owner } = old.latest_invoice;
      assert.deepEqual([intent.status, paid, owner], ["succeeded", true, s.subscription]);
    }
    const item = (await stripe.subscriptionItems.list({ subscription: s.subscription })).data[0].id;
    const change = { items: [{ id: item, quantity: 2 }], proration_behavior: "none" };
    await stripe.subscriptions.update(s.subscription, change);
    const found = await stripe.subscriptions.retrieve(s.subscription, { expand: ["items.data.price.product"] });
    assert.equal(found.items.data[0].quantity, 2);
    assert.equal((await stripe.subscriptionItems.retrieve(item)).quantity, 2);
    assert.equal((await stripe.subscriptions.list({ customer: s.customer, status: "all" })).data.length, 1);
    assert.equal((await stripe.subscriptions.search({ query: "status:'active'" })).data.length, 1);
  },
  "invoices.list, retrieve, lines, search": async () => {
    s.invoice = (await stripe.invoices.list({ subscription: s.subscription })).data[0].id;
    const found = await stripe.invoices.retrieve(s.invoice, { expand: ["discounts", "lines.data.discounts"] });
    assert.equal(found.discounts[0].object, "discount");
    assert.equal((await stripe.invoices.listLineItems(s.invoice)).data.length, 1);
    assert.equal((await stripe.invoices.search({ query: `subscription:'${s.subscription}'` })).data.length, 1);
  },
  "invoices.createPreview": !stripe.invoices.createPreview ? null : async () => {
    const preview = await stripe.invoices.createPreview({ subscription: s.subscription });
    assert.deepEqual([preview.amount_due, preview.lines.data.length], [1800, 1]);
  },
  "invoicePayments.list, retrieve": !stripe.invoicePayments ? null : async () => {
    const paid = (await stripe.invoicePayments.list({ invoice: s.invoice })).data[0];
    assert.equal((await stripe.invoicePayments.retrieve(paid.id)).payment.type, "payment_intent");
  },
  "billingPortal.configurations and sessions": async () => {
    await stripe.billingPortal.configurations.create({ features: { invoice_history: { enabled: true } } });
    assert.ok((await stripe.billingPortal.configurations.list()).data.length);
    const portal = { customer: s.customer, return_url: "https://shop.example/" };
    assert.ok((await stripe.billingPortal.sessions.create(portal)).url.startsWith("http://127.0.0.1"));
  },
  "subscriptions.cancel": async () => {
    assert.equal((await stripe.subscriptions.cancel(s.subscription)).status, "canceled");
  },
  "paymentIntents.list, retrieve, update, search": async () => {
    const intent = (await stripe.paymentIntents.list({ customer: s.customer })).data[0].id;
    await stripe.paymentIntents.update(intent, { metadata: { order: "42" } });
    const expand = ["latest_charge.balance_transaction"];
    const found = await stripe.paymentIntents.retrieve(intent, { expand });
    [s.intent, s.charge] = [intent, found.latest_charge.id];
    assert.equal(found.latest_charge.balance_transaction.amount, 675);
    assert.equal((await stripe.paymentIntents.search({ query: "metadata['order']:'42'" })).data.length, 1);
  },
  "paymentIntents and setupIntents: create, confirm, cancel": async () => {
    const automatic = { automatic_payment_methods: { enabled: true, allow_redirects: "never" } };
    const methods = beforeEndive ? { payment_method_types: ["card"] } : automatic;
    const params = { amount: 900, currency: "usd", customer: s.customer, ...methods };
    const intent = (await stripe.paymentIntents.create(params)).id;
    assert.equal((await stripe.paymentIntents.confirm(intent, { payment_method: s.card })).status, "succeeded");
    const other = (await stripe.paymentIntents.create(params)).id;
    assert.equal((await stripe.paymentIntents.cancel(other)).status, "canceled");
    const setup = (await stripe.setupIntents.create({ customer: s.customer, ...methods })).id;
    assert.equal((await stripe.setupIntents.confirm(setup, { payment_method: s.card })).status, "succeeded");
  },
  "charges.list, retrieve, search": async () => {
    assert.deepEqual(ids(await stripe.charges.list({ payment_intent: s.intent })), [s.charge]);
    const found = await stripe.charges.search({ query: `customer:'${s.customer}' AND metadata['order']:null` });
    assert.ok(ids(found).includes(s.charge));
  },
  "refunds.create, update, list": async () => {
    const refund = await stripe.refunds.create({ payment_intent: s.intent, amount: 100 });
    assert.equal((await stripe.refunds.update(refund.id, { metadata: { a: "1" } })).status, "succeeded");
    assert.deepEqual(ids(await stripe.refunds.list({ charge: s.charge })), [refund.id]);
    const charge = await stripe.charges.retrieve(s.charge, { expand: ["refunds"] });
    assert.deepEqual(ids(charge.refunds), [refund.id]);
  },
  "disputes.list, update, retrieve, close": async () => {
    await control(`objects/${s.charge}/dispute`, { choice: "dispute_fraudulent" });
    const dispute = (await stripe.disputes.list({ charge: s.charge })).data[0].id;
    await stripe.disputes.update(dispute, { evidence: { customer_name: "Ada" } });
    assert.equal((await stripe.disputes.retrieve(dispute)).evidence.customer_name, "Ada");
    assert.equal((await stripe.disputes.close(dispute)).status, "lost");
  },
  "balanceTransactions, balance, accounts": async () => {
    assert.equal((await stripe.balanceTransactions.list({ source: s.charge })).data.length, 1);
    assert.equal((await stripe.balance.retrieve()).object, "balance");
    assert.deepEqual((await stripe.accounts.list()).data, []);
    const own = stripe.accounts.retrieveCurrent ? await stripe.accounts.retrieveCurrent() : await stripe.accounts.retrieve();
    assert.equal((await stripe.accounts.retrieve(own.id)).id, own.id);
  },
  "a declined card": async () => {
    const bad = (await stripe.paymentMethods.attach("pm_card_chargeCustomerFail", { customer: s.customer })).id;
    const plan = { customer: s.customer, items: [{ price: s.monthly }], default_payment_method: bad };
    const unpaid = await stripe.subscriptions.create(plan);
    const error = await stripe.invoices.pay(unpaid.latest_invoice).catch((refused) => refused);
    assert.deepEqual([error.type, error.code], ["StripeCardError", "card_declined"]);
  },
  "webhookEndpoints.create, update, list, del, and a signed webhook": async () => {
    const received = [];
    const server = http.createServer((request, response) => {
      const chunks = [];
      request.on("data", (chunk) => chunks.push(chunk));
      request.on("end", () => {
        received.push([Buffer.concat(chunks), request.headers["stripe-signature"]]);
        response.end();
      });
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${server.address().port}/`;
    const params = { url, enabled_events: ["product.created"], api_version: version };
    const endpoint = await stripe.webhookEndpoints.create(params);
    await stripe.webhookEndpoints.update(endpoint.id, { description: "client" });
    assert.ok(ids(await stripe.webhookEndpoints.list()).includes(endpoint.id));
    const product = await stripe.products.create({ name: "Announced" });
    await until(() => received.length);
    const event = stripe.webhooks.constructEvent(...received[0], endpoint.secret);
    assert.deepEqual([event.type, event.data.object.id], ["product.created", product.id]);
    assert.equal((await stripe.webhookEndpoints.del(endpoint.id)).deleted, true);
    server.close();
  },
  "events.list, retrieve": async () => {
    const event = (await stripe.events.list({ type: "product.created", limit: 1 })).data[0].id;
    assert.equal((await stripe.events.retrieve(event)).id, event);
  },
  "testHelpers.testClocks": async () => {
    const clocks = stripe.testHelpers.testClocks;
    const clock = (await clocks.create({ frozen_time: 1893456000, name: "2030" })).id;
    const customer = (await stripe.customers.create({ test_clock: clock })).id;
    const card = (await stripe.paymentMethods.attach("pm_card_visa", { customer })).id;
    const plan = { customer, items: [{ price: s.monthly }], default_payment_method: card };
    const subscription = (await stripe.subscriptions.create(plan)).id;
    await clocks.advance(clock, { frozen_time: 1893456000 + 32 * 86400 });
    await until(async () => (await clocks.retrieve(clock)).status === "ready");
    assert.equal((await stripe.invoices.list({ subscription })).data.length, 2);
    assert.equal((await clocks.del(clock)).deleted, true);
  },
};

async function main() {
  const client = `npm stripe ${Stripe.PACKAGE_VERSION}`;
  console.log(JSON.stringify({ client, api_version: version }));
  for (const [call, run] of Object.entries(calls)) {
    if (!run) continue; // not in this version of the SDK
    let error = "";
    await run().catch((problem) => (error = `${problem.name}: ${problem.message}`));
    console.log(JSON.stringify({ call, error }));
    if (error) process.exitCode = 1;
  }
}

main();

// @supabase/stripe-sync-engine against the sandbox: node sync_engine_client.mjs PORT
// It copies a year of a store into PostgreSQL (PGlite, in this process): lists of all objects, then webhooks.
// Prints JSON lines: {"client": …, "api_version": …}, then {"call": …, "error": …} for each step.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
import Stripe from "stripe";

// Its migrations do not work as an ES module.
const { runMigrations, StripeSync } = createRequire(import.meta.url)("@supabase/stripe-sync-engine");
const port = Number(process.argv[2]);
const stripe = new Stripe("sk_test_clients", { host: "127.0.0.1", port, protocol: "http", telemetry: false });
const installed = (name) => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url)));
const DAY = 86400;
const OBJECTS = ["product", "price", "plan", "customer", "customer_with_entitlements", "subscription",
  "subscription_schedules", "invoice", "charge", "setup_intent", "payment_method", "payment_intent", "tax_id",
  "credit_note", "dispute", "early_fraud_warning", "refund", "checkout_sessions"];
const TABLES = ["products", "prices", "plans", "customers", "subscriptions", "subscription_items", "invoices",
  "charges", "payment_methods", "payment_intents", "disputes", "refunds", "checkout_sessions",
  "checkout_session_line_items"];
const s = { errors: [] }; // what later steps need of earlier ones

async function control(path, params) {
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify(params);
  return (await fetch(`http://127.0.0.1:${port}/control/${path}`, { method: "POST", headers, body })).json();
}

async function until(condition) {
  const deadline = Date.now() + 20000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `timeout ${s.errors.join(" ")}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const rows = async (table) => (await s.sync.postgresClient.query(`SELECT * FROM stripe.${table}`)).rows;

const steps = {
  "a year of a store": async () => {
    const recurring = { interval: "month" };
    const product = await stripe.products.create({
      name: "Club", default_price_data: { currency: "usd", unit_amount: 900, recurring },
    });
    const start = 1893456000;
    const clock = await stripe.testHelpers.testClocks.create({ frozen_time: start });
    s.customer = (await stripe.customers.create({ email: "ada@example.com", test_clock: clock.id })).id;
    s.card = (await stripe.paymentMethods.attach("pm_card_visa", { customer: s.customer })).id;
    await stripe.customers.update(s.customer, { invoice_settings: { default_payment_method: s.card } });
    await stripe.customers.createTaxId(s.customer, { type: "eu_vat", value: "DE123456789" });
    s.subscription = (await stripe.subscriptions.create({
      customer: s.customer, items: [{ price: product.default_price }],
    })).id;
    for (let month = 1; month <= 12; month++) {
      await stripe.testHelpers.testClocks.advance(clock.id, { frozen_time: start + month * 31 * DAY });
      await until(async () => (await stripe.testHelpers.testClocks.retrieve(clock.id)).status === "ready");
    }
    const paid = await stripe.invoices.list({ subscription: s.subscription, status: "paid", limit: 100 });
    assert.equal(paid.data.length, 13);
    const charges = (await stripe.charges.list({ customer: s.customer })).data;
    s.refund = (await stripe.refunds.create({ charge: charges[0].id, amount: 100 })).id;
    await control(`objects/${charges[1].id}/dispute`, { choice: "dispute_fraudulent" });
    await stripe.checkout.sessions.create({
      mode: "subscription",
      customer: s.customer,
      line_items: [{ price: product.default_price, quantity: 2 }],
      success_url: "https://shop.example/",
    });
    s.product = product.id;
  },
  "webhook endpoint, database and its migrations": async () => {
    const server = createServer(async (request, response) => {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      try {
        await s.sync.processWebhook(Buffer.concat(chunks), request.headers["stripe-signature"]);
        response.writeHead(200).end();
      } catch (error) {
        s.errors.push(error.message);
        response.writeHead(500).end();
      }
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    const endpoint = await stripe.webhookEndpoints.create({
      url: `http://127.0.0.1:${server.address().port}/`, enabled_events: ["*"],
      api_version: stripe.getApiField("version"),
    });
    const database = new PGLiteSocketServer({ db: await PGlite.create(), port: 0, host: "127.0.0.1" });
    await database.start();
    const databaseUrl = `postgresql://postgres:postgres@${database.getServerConn()}/postgres?sslmode=disable`;
    await runMigrations({ databaseUrl, schema: "stripe", logger: { info() {}, error: (e) => s.errors.push(String(e)) } });
    assert.deepEqual(s.errors, []);
    s.sync = new StripeSync({
      stripeSecretKey: "sk_test_clients",
      stripeApiVersion: stripe.getApiField("version"),
      stripeWebhookSecret: endpoint.secret,
      autoExpandLists: true,
      backfillRelatedEntities: true,
      revalidateObjectsViaStripeApi: ["subscription", "invoice"],
      poolConfig: { connectionString: databaseUrl, max: 1 },
    });
    s.sync.stripe = stripe; // its own client has no option for the host
  },
  ...Object.fromEntries(OBJECTS.map((object) => [`sync ${object}`, () => s.sync.syncBackfill({ object })])),
  "sync one object": () => s.sync.syncSingleEntity(s.subscription),
  "the database has the store": async () => {
    for (const table of TABLES) assert.ok((await rows(table)).length > 0, table);
    const invoices = await rows("invoices");
    assert.equal(invoices.filter((each) => each.status === "paid" && each.amount_paid === "900").length, 13);
    const [subscription] = await rows("subscriptions");
    assert.deepEqual([subscription.id, subscription.status], [s.subscription, "active"]);
  },
  "webhooks update the database": async () => {
    await stripe.customers.update(s.customer, { name: "Ada Lovelace" });
    await until(async () => (await rows("customers"))[0].name === "Ada Lovelace");
    await stripe.refunds.create({ payment_intent: (await stripe.refunds.retrieve(s.refund)).payment_intent });
    await until(async () => (await rows("refunds")).length === 2);
    await stripe.subscriptions.cancel(s.subscription);
    await until(async () => (await rows("subscriptions"))[0].status === "canceled");
    await stripe.paymentMethods.detach(s.card);
    await until(async () => (await rows("payment_methods")).every((each) => each.customer === null));
    assert.deepEqual(s.errors.filter((error) => !error.startsWith("Unhandled webhook event")), []);
  },
};

let failed = 0;
const client = `@supabase/stripe-sync-engine ${installed("@supabase/stripe-sync-engine").version}`;
const version = installed("stripe").version;
console.log(JSON.stringify({ client: `${client}, npm stripe ${version}`, api_version: stripe.getApiField("version") }));
for (const [call, step] of Object.entries(steps)) {
  let error = "";
  try {
    await step();
  } catch (problem) {
    error = `${problem.name}: ${problem.message}`;
    failed += 1;
  }
  console.log(JSON.stringify({ call, error }));
}
process.exit(failed ? 1 : 0);

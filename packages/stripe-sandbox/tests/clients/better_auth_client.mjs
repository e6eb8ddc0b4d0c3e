// better-auth with @better-auth/stripe against the sandbox: node better_auth_client.mjs PORT
// A person signs up, subscribes on the hosted page, changes the plan, cancels in the portal and restores.
// Prints JSON lines: {"client": …, "api_version": …}, then {"call": …, "error": …} for each step.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { stripe as stripePlugin } from "@better-auth/stripe";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";
import Stripe from "stripe";

const port = Number(process.argv[2]);
const stripe = new Stripe("sk_test_clients", { host: "127.0.0.1", port, protocol: "http", telemetry: false });
const installed = (name) => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url)));
const versions = ["better-auth", "stripe"].map((name) => `${name} ${installed(name).version}`);
const DAY = 86400;
const EVENTS = ["checkout.session.completed", "customer.subscription.created", "customer.subscription.updated",
  "customer.subscription.deleted"];
const s = { events: [] }; // what later steps need of earlier ones

async function until(condition) {
  const deadline = Date.now() + 20000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, "timeout");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const jar = {}; // the person's cookies at the app

async function app(path, body, method = body ? "POST" : "GET") {
  const headers = { Origin: s.url, Cookie: Object.entries(jar).map((pair) => pair.join("=")).join("; ") };
  if (body) headers["Content-Type"] = "application/json";
  const options = { method, headers, redirect: "manual", body: body && JSON.stringify(body) };
  const response = await fetch(new URL(path, `${s.url}/api/auth/`), options);
  for (const cookie of response.headers.getSetCookie()) {
    const [name, value] = cookie.split(";")[0].split("=");
    jar[name] = value;
  }
  const text = await response.text();
  assert.ok(response.status < 400, `${path}: ${response.status} ${text}`);
  return text ? JSON.parse(text) : response.headers.get("Location");
}

// Fill in the form of a hosted page, as a browser does. Return where it redirects to.
async function submit(url, fields = {}) {
  const page = await fetch(url);
  const html = await page.text();
  assert.equal(page.status, 200, html);
  const form = html.match(/<form[^>]*method="post" action="([^"]+)"/);
  const hidden = [...html.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)];
  const data = new URLSearchParams([...hidden.map((match) => match.slice(1)), ...Object.entries(fields)]);
  const headers = { Cookie: page.headers.getSetCookie().map((cookie) => cookie.split(";")[0]).join("; ") };
  const target = new URL(form[1].replaceAll("&amp;", "&"), url);
  const answer = await fetch(target, { method: "POST", headers, body: data, redirect: "manual" });
  assert.ok(answer.status === 302 || answer.status === 303, await answer.text());
  return answer.headers.get("Location");
}

const card = { cardNumber: "4242 4242 4242 4242", cardExpiry: "12 / 34", cardCvc: "123", billingName: "Ada Lovelace",
  billingCountry: "US", billingPostalCode: "10001", email: "ada@example.com" };

async function only() {
  const list = await app("subscription/list");
  assert.equal(list.length, 1);
  return list[0];
}

const upgrade = (plan, more = {}) =>
  app("subscription/upgrade", { plan, successUrl: "/done", cancelUrl: "/pricing", returnUrl: "/account", ...more });

const steps = {
  "plans and webhook endpoint": async () => {
    const price = async (name, amount, interval) => (await stripe.products.create({
      name, default_price_data: { currency: "usd", unit_amount: amount, recurring: { interval } },
    })).default_price;
    s.basic = await price("Basic", 900, "month");
    s.pro = await price("Pro", 2900, "month");
    const yearly = { currency: "usd", unit_amount: 29000, recurring: { interval: "year" }, lookup_key: "pro_yearly" };
    s.yearly = (await stripe.prices.create({ ...yearly, product: (await stripe.prices.retrieve(s.pro)).product })).id;
    const products = await Promise.all([s.basic, s.pro, s.yearly].map((id) => stripe.prices.retrieve(id)));
    const configuration = (await stripe.billingPortal.configurations.list({ is_default: true })).data[0];
    await stripe.billingPortal.configurations.update(configuration.id, {
      features: {
        subscription_cancel: { enabled: true, mode: "at_period_end" },
        subscription_update: {
          enabled: true,
          default_allowed_updates: ["price", "quantity"],
          proration_behavior: "create_prorations",
          products: [...new Set(products.map((each) => each.product))].map((product) => ({
            product,
            prices: products.filter((each) => each.product === product).map((each) => each.id),
            adjustable_quantity: { enabled: true, minimum: 1, maximum: 50 },
          })),
        },
      },
    });
    const server = createServer((request, response) => s.handler(request, response));
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    server.unref();
    s.url = `http://127.0.0.1:${server.address().port}`;
    const endpoint = await stripe.webhookEndpoints.create({
      url: `${s.url}/api/auth/stripe/webhook`, enabled_events: EVENTS, api_version: stripe.getApiField("version"),
    });
    const auth = betterAuth({
      baseURL: s.url,
      secret: "a secret of this test, long enough for better-auth",
      database: memoryAdapter({ user: [], session: [], account: [], verification: [], subscription: [] }),
      emailAndPassword: { enabled: true },
      user: { changeEmail: { enabled: true, updateEmailWithoutVerification: true } },
      logger: { level: "error" },
      rateLimit: { enabled: false },
      telemetry: { enabled: false },
      plugins: [stripePlugin({
        stripeClient: stripe,
        stripeWebhookSecret: endpoint.secret,
        createCustomerOnSignUp: true,
        onEvent: async (event) => { s.events.push(event.type); },
        subscription: {
          enabled: true,
          plans: [
            { name: "basic", priceId: s.basic, freeTrial: { days: 7 } },
            { name: "pro", priceId: s.pro, annualDiscountLookupKey: "pro_yearly" },
          ],
        },
      })],
    });
    s.handler = toNodeHandler(auth);
  },
  "sign-up creates the customer": async () => {
    await app("sign-up/email", { email: "ada@example.com", password: "correct horse battery", name: "Ada" });
    const user = (await app("get-session")).user;
    s.customer = user.stripeCustomerId;
    const customer = await stripe.customers.retrieve(s.customer);
    assert.deepEqual([customer.email, customer.metadata.userId], ["ada@example.com", user.id]);
  },
  "upgrade opens a Checkout Session": async () => {
    const session = await upgrade("basic");
    assert.deepEqual([session.object, session.customer], ["checkout.session", s.customer]);
    s.checkout = session.url;
    assert.deepEqual(await app("subscription/list"), []);
  },
  "payment with a trial, webhook and success page": async () => {
    const back = await submit(s.checkout, card);
    assert.ok(back.startsWith(`${s.url}/api/auth/subscription/success`), back);
    await until(() => s.events.includes("checkout.session.completed"));
    assert.equal(await app(back), `${s.url}/done`);
    const subscription = await only();
    assert.deepEqual([subscription.plan, subscription.status], ["basic", "trialing"]);
    assert.ok(Math.abs(new Date(subscription.trialEnd) - Date.now() - 7 * DAY * 1000) < 60000);
    s.subscription = subscription.stripeSubscriptionId;
    assert.equal((await stripe.subscriptions.retrieve(s.subscription)).metadata.subscriptionId, subscription.id);
  },
  "another plan through the portal": async () => {
    const { url } = await upgrade("pro");
    const back = await submit(url);
    assert.equal(back.split("?")[0], `${s.url}/account`);
    await until(async () => (await only()).plan === "pro");
    assert.equal((await stripe.subscriptions.retrieve(s.subscription)).items.data[0].price.id, s.pro);
  },
  "the same plan again is refused": async () => {
    await stripe.subscriptions.update(s.subscription, { trial_end: "now" });
    await until(async () => (await only()).status === "active");
    await assert.rejects(upgrade("pro"), /ALREADY_SUBSCRIBED_PLAN/);
  },
  "more seats": async () => {
    const { url } = await upgrade("pro", { seats: 3 });
    await submit(url);
    await until(async () => (await only()).seats === 3);
    assert.equal((await stripe.subscriptions.retrieve(s.subscription)).items.data[0].quantity, 3);
  },
  "yearly price by lookup key": async () => {
    const { url } = await upgrade("pro", { annual: true });
    await submit(url);
    await until(async () => (await only()).billingInterval === "year");
    const invoice = (await stripe.invoices.list({ subscription: s.subscription, limit: 1 })).data[0];
    assert.equal(invoice.status, "paid");
    assert.ok(invoice.total > 25000, String(invoice.total));
  },
  "cancel in the portal": async () => {
    const { url } = await app("subscription/cancel", { returnUrl: "/account" });
    await submit(url);
    await until(async () => (await only()).cancelAtPeriodEnd || (await only()).cancelAt);
    await assert.rejects(app("subscription/cancel", { returnUrl: "/account" }), /already set to be canceled/);
  },
  restore: async () => {
    await app("subscription/restore", {});
    const subscription = await stripe.subscriptions.retrieve(s.subscription);
    assert.deepEqual([subscription.cancel_at_period_end, subscription.cancel_at], [false, null]);
    const stored = await only();
    assert.deepEqual([stored.cancelAtPeriodEnd, stored.cancelAt ?? null], [false, null]);
  },
  "billing portal": async () => {
    const { url } = await app("subscription/billing-portal", { returnUrl: "/account", locale: "en" });
    assert.match(await (await fetch(url)).text(), /Pro/);
  },
  "a new e-mail address reaches the customer": async () => {
    await app("change-email", { newEmail: "ada.lovelace@example.com" });
    await until(async () => (await stripe.customers.retrieve(s.customer)).email === "ada.lovelace@example.com");
  },
  "the end of the subscription": async () => {
    await stripe.subscriptions.cancel(s.subscription);
    await until(async () => (await app("subscription/list")).length === 0);
  },
};

let failed = 0;
const client = `${versions[0]} with @better-auth/stripe, npm ${versions[1]}`;
console.log(JSON.stringify({ client, api_version: stripe.getApiField("version") }));
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

// SPDX-License-Identifier: MIT
// Scenes that test_browser.py plays in a real Chromium: node browser.mjs SCENE '{"url": …}'. What was seen is
// printed as JSON; the test judges it.
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../frontend/package.json', import.meta.url));
const { chromium } = require('playwright-core');

const [scene, json] = process.argv.slice(2);
const settings = JSON.parse(json);
const seen = { ids: [], problems: [] };

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
    // Of a test that wants what browsers offer over HTTPS only, as service workers.
    ...(settings.secure ? [`--unsafely-treat-insecure-origin-as-secure=${settings.secure}`] : []),
  ],
});
const context = await browser.newContext({
  locale: settings.locale ?? 'en-GB',
  timezoneId: 'UTC',
});

// Keeps what the dialog went through, however briefly.
function record() {
  globalThis.arkStages = [];
  globalThis.arkPhases = [];
  const note = (list, value) => {
    if (value && list.at(-1) !== value) list.push(value);
  };
  new MutationObserver(() => {
    note(arkStages, document.querySelector('[data-testid=dialog]')?.dataset.stage);
    note(arkPhases, document.querySelector('[data-testid=phase]')?.dataset.phase);
  }).observe(document, { subtree: true, childList: true, attributes: true });
}

async function land() {
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on('pageerror', (error) => seen.problems.push(`page error: ${error}`));
  page.on('console', (message) => {
    // On plain HTTP, Chromium says that this header is for HTTPS.
    const known = message.text().startsWith('The Cross-Origin-Opener-Policy header has been ignored');
    if (message.type() === 'error' && !known) seen.problems.push(message.text());
  });
  await page.addInitScript(record);
  await page.goto(settings.url);
  return page;
}

const stage = (page, name, timeout = 90_000) =>
  page.locator(`[data-testid=dialog][data-stage=${name}]`).waitFor({ timeout });

async function order(page, product) {
  seen.lang = await page.locator('html').getAttribute('lang');
  const button = page.getByTestId(`deploy-${product}`);
  seen.button = await button.textContent();
  await button.click();
  await page.getByTestId('client-name').fill(settings.client);
  const answered = page.waitForResponse(
    (r) => r.request().method() === 'POST' && r.url().endsWith('/api/instances'),
  );
  await page.getByTestId('start-deploy').click();
  const answer = await answered;
  if (answer.status() !== 202) throw new Error(`${answer.status()} ${await answer.text()}`);
  return noteInstance(answer);
}

async function noteInstance(answer) {
  const { instance_id: id } = await answer.json();
  seen.ids.push(id);
  return id;
}

// From the button to the application's own tab.
async function deploy(product) {
  const page = await land();
  await order(page, product);
  await stage(page, 'ready');
  seen.ready = await page.getByTestId('ready-for').textContent();
  const link = page.getByTestId('open-app');
  seen.linkText = await link.textContent();
  seen.link = await link.evaluate((a) => ({ target: a.target, rel: a.rel, path: a.pathname }));
  seen.stages = await page.evaluate(() => arkStages);
  seen.phases = await page.evaluate(() => arkPhases);
  // They come with a call of their own.
  await page.waitForLoadState('networkidle');
  seen.credentials = await page.getByTestId('credential-value').allTextContents();
  const [app] = await Promise.all([context.waitForEvent('page'), link.click()]);
  await app.waitForLoadState();
  seen.app = {
    url: app.url(),
    opener: await app.evaluate(() => window.opener),
    storage: await app.evaluate(() => sessionStorage.length),
  };
  await page.keyboard.press('Escape');
  seen.mine = await page.getByTestId('my-apps').getByText(settings.client).isVisible();
  seen.row = await page.getByTestId(`mine-${seen.ids[0]}`).textContent();
  return app;
}

const notes = (app) => app.locator('#notes li').allTextContents();

const scenes = {
  async miniflux() {
    const app = await deploy('miniflux');
    const [name, password] = seen.credentials;
    await app.locator('input[name=username]').fill(name);
    await app.locator('input[name=password]').fill(password);
    await app.locator('form button[type=submit]').click();
    await app.waitForURL('**/unread');
    seen.loggedIn = await app.locator('a[href$="/logout"]').first().isVisible();
  },

  async notes() {
    const app = await deploy(settings.product);
    await app.locator('input[name=text]').fill(settings.note);
    await app.getByRole('button', { name: 'Save' }).click();
    await app.locator('#notes li').waitFor();
    seen.notes = await notes(app);
    await app.reload();
    seen.notesAfterReload = await notes(app);
  },

  // A hostile application: opened from the landing page, then in that very tab, then where it stays at the landing
  // page's address, which is what happens to those that carry Authorization.
  async hostile() {
    const app = await deploy(settings.product);
    const target = `hostile?${new URLSearchParams({
      landing: new URL(settings.url).origin,
      neighbour: new URL(settings.neighbour, app.url()).href,
      product: settings.product,
    })}`;
    const path = new URL(app.url()).pathname;
    const attack = async (page, url) => {
      await page.goto(url);
      return { origin: await page.evaluate(() => self.origin), ...(await page.evaluate(() => window.attempts)) };
    };
    seen.openedFromThePage = await attack(app, new URL(target, app.url()).href);
    const landing = context.pages()[0];
    seen.stored = await landing.evaluate(() => JSON.stringify({ ...sessionStorage }).includes('ark.deployments'));
    // What is stopped is told on the console, which is no fault of the page's.
    landing.removeAllListeners('console');
    seen.inItsTab = await attack(landing, new URL(`${path}${target}`, settings.url).href);
    const carrying = await browser.newContext({ extraHTTPHeaders: { Authorization: 'Basic dTpw' } });
    const inPlace = await carrying.newPage();
    await inPlace.goto(new URL(`${path}${target}`, settings.url).href);
    seen.inPlace = {
      url: inPlace.url(),
      ran: await inPlace.evaluate(() => typeof window.attempts),
      origin: await inPlace.evaluate(() => self.origin),
    };
  },

  // One that was made before applications had an address of their own.
  async old() {
    const page = await context.newPage();
    await page.goto(new URL(settings.path, settings.url).href);
    seen.old = {
      url: page.url(),
      origin: await page.evaluate(() => self.origin),
      attempts: await page.evaluate(() => window.attempts),
    };
  },

  async failure() {
    const page = await land();
    await order(page, settings.product);
    await stage(page, 'failed');
    seen.text = await page.getByTestId('failure').textContent();
    const answered = page.waitForResponse((r) => r.request().method() === 'POST');
    await page.getByTestId('retry').click();
    await noteInstance(await answered);
    await stage(page, 'progress').catch(() => undefined);
    await stage(page, 'failed');
  },

  async names() {
    const page = await land();
    await page.getByTestId(`deploy-${settings.product}`).click();
    seen.errors = [];
    for (const name of ['', 'x'.repeat(65)]) {
      await page.getByTestId('client-name').fill(name);
      await page.getByTestId('start-deploy').click();
      seen.errors.push(await page.getByTestId('name-error').textContent());
    }
  },

  async wait() {
    const page = await context.newPage();
    await page.goto(new URL(settings.path, settings.url).href);
    const heading = page.locator('h1', { hasText: 'Test app' });
    await heading.waitFor({ timeout: 60_000 });
    seen.heading = await heading.textContent();
  },
};

try {
  await scenes[scene]();
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  console.log(JSON.stringify(seen));
  await browser.close();
}

import { type Browser } from 'playwright-core';
import { chromiumPath } from './databases';

/**
 * For all suites alike: a camera and a microphone that show test pictures and are given without a question, and the host
 * im.test, which is this machine.
 */
const ARGUMENTS = [
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--host-resolver-rules=MAP im.test 127.0.0.1',
];

let browser: Promise<Browser> | undefined;

async function launch(): Promise<Browser> {
  // Not at the top: every worker loads this file, and few need it.
  const { chromium } = await import('playwright-core');
  const launched = await chromium.launch({ executablePath: chromiumPath() ?? '', args: ARGUMENTS });
  launched.once('disconnected', () => (browser = undefined));
  return launched;
}

/**
 * The browser of this worker, which its suites use one after another: to start one takes a second of processor time. They
 * share nothing else, as each page has a profile of its own.
 */
export function sharedBrowser(): Promise<Browser> {
  browser ??= launch().catch((error: unknown) => {
    browser = undefined;
    throw error;
  });
  return browser;
}

/** Closes what its suites have left open. */
export async function closeAllPages(): Promise<void> {
  const contexts = (await browser)?.contexts() ?? [];
  await Promise.all(contexts.map((context) => context.close()));
}

/** Where the files run in this process one by one, nothing else ends it. Workers take theirs with them. */
export async function endBrowser(): Promise<void> {
  await (await browser)?.close();
}

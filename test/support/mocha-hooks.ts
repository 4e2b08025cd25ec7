import { closeAllPages, endBrowser } from './browser';
import { shareBuiltSource } from './built-source';
import { endChildServers } from './child-server';
import { endServers, keepServers } from './shared-servers';

/** Mocha runs it once, in the main process. */
export async function mochaGlobalSetup(): Promise<void> {
  shareBuiltSource();
  await keepServers();
}

export async function mochaGlobalTeardown(): Promise<void> {
  await endBrowser();
  await endServers();
}

export const mochaHooks = {
  /** After each test file where files run side by side, else after the last one: what a failed test left would go on. */
  async afterAll(): Promise<void> {
    endChildServers();
    await closeAllPages();
  },
};

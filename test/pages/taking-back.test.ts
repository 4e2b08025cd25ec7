import { requireOrSkip } from '../support/databases';
import { bubble, DESK, PagesStage, say } from './stage';

describe('The demo pages, when messages are taken back', function () {
  this.timeout(30_000);
  let stage: PagesStage;
  if (!requireOrSkip('chromium')) return;

  before(async () => {
    stage = await PagesStage.open();
  });
  afterEach(() => stage.closePages());
  after(() => stage.stop());

  it('show it as taken back: at once, in the list, and after a reload', async () => {
    const { patient, doctor } = await stage.both();
    await say(patient, '发错了');
    const shown = bubble(doctor, '发错了');
    await shown.waitFor();
    const id = await shown.getAttribute('data-id');
    await stage.server
      .request('delete', `/sessions/demo-team/messages/${id}?user_id=demo-patient`)
      .expect(200);
    const line = `[data-id="${id}"] .line-recalled`;
    await doctor.locator(line, { hasText: '王建国撤回了一条消息' }).waitFor();
    await patient.locator(line, { hasText: '你撤回了一条消息' }).waitFor();
    await doctor.locator('[data-session="demo-team"]', { hasText: '消息已撤回' }).waitFor();
    await doctor.reload();
    await doctor.locator(line).waitFor();
    await doctor.locator('[data-session="demo-team"]', { hasText: '消息已撤回' }).waitFor();
    (await doctor.getByText('发错了').count()).should.equal(0);
    const other = await stage.page('/demo/doctor#demo-doctors', { viewport: DESK });
    await other.locator('[data-session="demo-team"]', { hasText: '消息已撤回' }).waitFor();
  });
});

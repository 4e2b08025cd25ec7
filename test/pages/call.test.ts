import { type Locator, type Page } from 'playwright-core';
import { requireOrSkip } from '../support/databases';
import { waitUntil } from '../support/wait-until';
import { atRest, PagesStage } from './stage';

/** Who is rung opens a camera before the call is taken: a machine that is busy needs seconds for that. */
const RINGS_MS = 8_000;
/** Likewise to connect anew. */
const STAYS_MS = 5_000;

const stageOf = (page: Page, stage: string) => page.locator(`.call[data-stage="${stage}"]`).waitFor();

/** Whether the other side's picture moves. */
async function seesTheOther(page: Page): Promise<void> {
  const frames = () =>
    page.evaluate<number>(`(function (video) {
      return video.videoWidth > 0 ? video.getVideoPlaybackQuality().totalVideoFrames : 0;
    })(document.querySelector('.call-remote'))`);
  const first = await frames();
  await waitUntil(
    async () => (await frames()) > first + 2,
    20_000,
    () => "the other side's picture moves",
  );
}

/** The page's camera and microphone are there when `openCamera()` is called in it. */
const holdCamera = (page: Page) =>
  page.evaluate(`(function (devices) {
    var open = devices.getUserMedia.bind(devices);
    devices.getUserMedia = function (wanted) {
      return new Promise(function (resolve) { window.openCamera = resolve; }).then(function () {
        devices.getUserMedia = open;
        return open(wanted);
      });
    };
  })(navigator.mediaDevices)`);

const ended = (page: Page, text: string) =>
  page
    .locator('.call')
    .waitFor({ state: 'detached', timeout: RINGS_MS + 7_000 })
    .then(() => page.locator('.call-record', { hasText: text }).last().waitFor());

describe('A call between the demo pages', function () {
  this.timeout(30_000);
  let stage: PagesStage;
  if (!requireOrSkip('chromium')) return;

  before(async () => {
    stage = await PagesStage.open({
      IM_CALL_TIMEOUT_MS: String(RINGS_MS),
      IM_CALL_RECONNECT_MS: String(STAYS_MS),
    });
  });
  afterEach(() => stage.closePages());
  after(() => stage.stop());

  it('connects both, over a lost connection, until one hangs up', async () => {
    const { patient, doctor } = await stage.both();
    await doctor.locator('#call').click();
    await stageOf(patient, 'incoming');
    (await patient.locator('.call-name').textContent())!.should.equal('李慧');
    await patient.locator('.round-accept').click();
    await Promise.all([stageOf(patient, 'active'), stageOf(doctor, 'active')]);
    await Promise.all([seesTheOther(patient), seesTheOther(doctor)]);
    (await doctor.locator('.call-name').textContent())!.should.equal('王建国');

    const mute = patient.locator('.round-toggle').first();
    await mute.click();
    (await mute.getAttribute('aria-pressed'))!.should.equal('true');
    const sound = await patient.evaluate<boolean>(
      `document.querySelector('.call-local').srcObject.getAudioTracks()[0].enabled`,
    );
    sound.should.be.false();

    // Both lose their connection to the server; the call, and both places in it, outlast that.
    for (const connection of [...stage.server.context.sockets.all]) connection.close(1012, 'a test');
    await patient.waitForTimeout(STAYS_MS + 1_000);
    await Promise.all([seesTheOther(patient), seesTheOther(doctor)]);
    await patient.locator('.round-end').click();
    await Promise.all([ended(patient, '视频通话 0:'), ended(doctor, '视频通话 0:')]);
  });

  it('shows who is heard where it is of sound alone, and no camera', async () => {
    const { patient, doctor } = await stage.both();
    // As another client would, such as a doctor's app.
    await doctor.evaluate(`(function (prototype) {
      var invite = prototype.callInvite;
      prototype.callInvite = function (media, session) { return invite.call(this, 'audio', session); };
    })(window.IMClient.prototype)`);
    await doctor.locator('#call').click();
    await stageOf(patient, 'incoming');
    (await patient.locator('.call-state').textContent())!.should.equal('邀请您语音通话');
    await patient.locator('.round-accept').click();
    await stageOf(patient, 'active');
    (await patient.locator('.call-buttons .round').allTextContents()).should.eql(['静音', '挂断']);
    await patient.locator('.call-face .avatar').waitFor();
    await patient.locator('.call-local').isVisible().should.be.fulfilledWith(false);
    await waitUntil(
      () => patient.evaluate<boolean>(`document.querySelector('.call-remote').currentTime > 0`),
      20_000,
      () => 'the other side is heard',
    );
    await patient.locator('.round-end').click();
    await ended(patient, '通话 0:');
  });

  it('keeps, and says, what was switched off before it was taken', async () => {
    const { patient, doctor } = await stage.both();
    const [mute, camera] = [0, 1].map((which) => doctor.locator('.round-toggle').nth(which)) as [
      Locator,
      Locator,
    ];
    const sends = () =>
      doctor.evaluate<boolean[]>(`(function (stream) {
        return [stream.getAudioTracks()[0].enabled, stream.getVideoTracks()[0].enabled];
      })(document.querySelector('.call-local').srcObject)`);
    await holdCamera(doctor);
    await doctor.locator('#call').click();
    // Before there is a microphone, and while it rings.
    await mute.click();
    await waitUntil(
      () => doctor.evaluate<boolean>('Boolean(window.openCamera)'),
      20_000,
      () => 'the doctor’s camera is not asked for',
    );
    await doctor.evaluate('window.openCamera()');
    await stageOf(patient, 'incoming');
    await camera.click();
    await patient.locator('.round-accept').click();
    await Promise.all([stageOf(patient, 'active'), stageOf(doctor, 'active')]);
    await patient.locator('.call-camera', { hasText: '对方的摄像头已关闭' }).waitFor();
    (await sends()).should.eql([false, false]);
    for (const [button, label] of [
      [mute, '取消静音'],
      [camera, '打开摄像头'],
    ] as const) {
      (await button.textContent())!.should.equal(label);
      (await button.getAttribute('aria-pressed'))!.should.equal('true');
      await button.click();
      (await button.getAttribute('aria-pressed'))!.should.equal('false');
    }
    (await sends()).should.eql([true, true]);
    await doctor.locator('.round-end').click();
    await Promise.all([ended(patient, '视频通话 0:'), ended(doctor, '视频通话 0:')]);
  });

  it('says that there is no camera, and has nothing to switch then', async () => {
    const { patient, doctor } = await stage.both();
    await doctor.evaluate(`(function (devices) {
      var open = devices.getUserMedia.bind(devices);
      devices.getUserMedia = function (wanted) {
        return wanted.video ? Promise.reject(new Error('no camera')) : open(wanted);
      };
    })(navigator.mediaDevices)`);
    await doctor.locator('#call').click();
    await stageOf(patient, 'incoming');
    await patient.locator('.round-accept').click();
    await Promise.all([stageOf(patient, 'active'), stageOf(doctor, 'active')]);
    await patient.locator('.call-camera', { hasText: '对方的摄像头已关闭' }).waitFor();
    const camera = doctor.locator('.round-toggle').last();
    const isOff = async () => {
      (await camera.textContent())!.should.equal('没有摄像头');
      (await camera.getAttribute('aria-pressed'))!.should.equal('true');
      (await doctor.locator('.call-camera').textContent())!.should.equal('您的摄像头已关闭');
    };
    await isOff();
    await camera.click({ force: true });
    await isOff();
    await doctor.locator('.round-end').click();
    await Promise.all([ended(patient, '视频通话 0:'), ended(doctor, '视频通话 0:')]);
  });

  it('ends when those who were rung have said no, though others of the team are offline', async () => {
    const { patient, doctor } = await stage.both();
    await doctor.locator('#call').click();
    await stageOf(patient, 'incoming');
    await patient.locator('.round-end').click();
    await Promise.all([ended(patient, '视频通话被拒绝'), ended(doctor, '视频通话被拒绝')]);
  });

  it('ends for a caller who was away when it was rejected', async () => {
    const { patient, doctor } = await stage.both();
    await doctor.locator('#call').click();
    await stageOf(patient, 'incoming');
    const sockets = stage.server.context.sockets.ofUser('demo-doctor');
    for (const connection of [...sockets]) connection.close(1012, 'a test');
    await patient.locator('.round-end').click();
    await Promise.all([ended(patient, '视频通话被拒绝'), ended(doctor, '视频通话被拒绝')]);
  });

  it('is one where both call at once', async () => {
    const { patient, doctor } = await stage.both();
    // The doctor's camera opens when the patient's call is there.
    await holdCamera(doctor);
    await doctor.locator('#call').click();
    await waitUntil(
      () => doctor.evaluate<boolean>('Boolean(window.openCamera)'),
      20_000,
      () => 'the doctor’s camera is not asked for',
    );
    await patient.locator('#call').click();
    const ringing = () =>
      stage.server.context.database.kysely
        .selectFrom('calls')
        .select('id')
        .where('state', '=', 'ringing')
        .execute();
    await waitUntil(
      async () => (await ringing()).length === 1,
      20_000,
      () => 'the patient’s call does not ring',
    );
    await doctor.evaluate('window.openCamera()');
    await stageOf(doctor, 'incoming');
    await doctor.locator('.round-accept').click();
    await Promise.all([stageOf(patient, 'active'), stageOf(doctor, 'active')]);
    await doctor.locator('.round-end').click();
    await Promise.all([ended(patient, '视频通话 0:'), ended(doctor, '视频通话 0:')]);
  });

  const endings: [title: string, act: (patient: Page, doctor: Page) => Promise<void>, record: string][] = [
    ['is rejected', (patient) => patient.locator('.round-end').click(), '视频通话被拒绝'],
    ['is cancelled', (_patient, doctor) => doctor.locator('.round-end').click(), '视频通话已取消'],
    ['is missed', () => Promise.resolve(), '视频通话无人接听'],
  ];
  for (const [title, act, record] of endings) {
    it(title, async () => {
      // A pair of their own: nobody else is rung.
      const patient = await stage.page('/demo/patient?session=demo-expert');
      const doctor = await stage.page('/demo/doctor?user=demo-specialist#demo-expert', {
        viewport: { width: 1000, height: 700 },
      });
      for (const page of [patient, doctor]) await atRest(page);
      const before = await patient.locator('.call-record').count();
      await doctor.locator('#call').click();
      await stageOf(patient, 'incoming');
      await act(patient, doctor);
      await Promise.all([ended(patient, record), ended(doctor, record)]);
      (await patient.locator('.call-record').count()).should.equal(before + 1);
    });
  }
});

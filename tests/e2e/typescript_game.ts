// A game in TypeScript: what its author may write, and what the compiler has to refuse.
import { Podium, PodiumError } from "podium";
import type { Catalogue, Entry, Reward, Run, ScoreEvent, Season, Update, User, WaitingScore } from "podium";

const podium: Podium = await Podium.connect("http://127.0.0.1:8000/client-config.json", {
  storage: () => sessionStorage,
  timeout: 10_000,
});
await Podium.connect(new URL("https://game.example/client-config.json"));
await Podium.connect({ restUrl: "https://game.example" }, { locks: null, random: Math.random });
const texts = new Map<string, string>();
await Podium.connect("https://game.example/client-config.json", {
  storage: {
    getItem: (key) => texts.get(key) ?? null,
    setItem: (key, text) => void texts.set(key, text),
    removeItem: (key) => void texts.delete(key),
  },
});
// @ts-expect-error
await Podium.connect(7);
// @ts-expect-error
await Podium.connect("https://game.example/client-config.json", { storage: "localStorage" });

const user: User = await podium.playAsGuest({ asNew: true });
const signedIn: User | null = podium.user;
// @ts-expect-error
const certain: User = podium.user;
// @ts-expect-error
await podium.signIn("ada");

const answer = await podium.submitScore("forest", 1200, { tiebreak: 7, metadata: { car: "red" } });
if (answer.queued) {
  const key: string = answer.key;
  // @ts-expect-error
  answer.best;
} else {
  const best: number = answer.best;
}
// @ts-expect-error
answer.improved;
// @ts-expect-error
await podium.submitScore("forest", "1200");
// @ts-expect-error
await podium.submitScore(1200);

const run: Run = await podium.startRun("gauntlet");
await podium.submitScore("gauntlet", 90, { run });
// @ts-expect-error
await podium.submitScore("gauntlet", 90, { run: run.run });
const season: Season | undefined = (await podium.seasons("forest-week")).seasons[0];
await podium.leaderboard("forest-week", { season: season?.season });
const reward: Reward | undefined = (await podium.rewards({ limit: 5 })).rewards[0];
if (reward && !reward.claimed && reward.claimableAt <= podium.now) {
  const { prize, money } = await podium.claimReward(reward.gameArea, reward.season);
  const sum: number = prize.money + money;
}
// @ts-expect-error
await podium.claimReward("forest-week");

const stop: () => void = podium.subscribe("forest", ({ type, entries, size, epoch }: Update) => {
  const [first]: readonly Entry[] = entries;
  const name: string | undefined = first?.name;
  // @ts-expect-error
  first.points;
});
// @ts-expect-error
podium.subscribe("forest");

podium.on("state", (state) => {
  if (state === "live") stop();
  // @ts-expect-error
  if (state === "lively") stop();
});
podium.on("user", (player) => player?.username.toUpperCase());
podium.on("waiting", (scores) => scores.map(({ gameArea, score, madeAt }) => `${gameArea} ${score} ${new Date(madeAt)}`));
podium.on("error", (error) => (error.code === "StorageRefused" ? error.message : error.status));
podium.on("score", (event: ScoreEvent) => {
  if (event.state === "dropped") console.error(event.error.message);
  else if (event.state === "sent") console.log(event.best, event.improved);
  // @ts-expect-error
  else event.best;
});
// @ts-expect-error
podium.on("scores", () => {});

const waiting: WaitingScore[] = podium.waitingScores;
const { areas, levels }: Catalogue = await podium.catalogue();
const { entries, nextCursor } = await podium.leaderboard("forest", { limit: 10, from: 100 });
const ranks: number[] = entries.map(({ rank }) => rank);
const { top } = await podium.rank("forest", 2);
const { money } = await podium.addMoney(25, "pickup", { key: "k1" });
// @ts-expect-error
await podium.addMoney("25", "pickup");
const { bests } = await podium.progress();
await podium.uploadPortrait(new Blob(), { background: "blur" });
// @ts-expect-error
await podium.uploadPortrait("portrait.png");

try {
  await podium.mergeGuest();
} catch (error) {
  if (error instanceof PodiumError && error.status === 403) console.log(error.code, error.idempotencyKey);
}
podium.close();

export { areas, bests, certain, levels, money, nextCursor, ranks, signedIn, top, user, waiting };

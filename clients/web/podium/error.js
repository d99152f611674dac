/** Something that Podium, Cognito or the network refused. */
export class PodiumError extends Error {
  /**
   * @param {string} message what went wrong, in a sentence
   * @param {object} [about]
   * @param {string} [about.code] a name for programs: Cognito's own (`UsernameExistsException`), that of an `error`
   *   frame, that of a problem+json answer (`deleted`), or `NetworkError`, `TimeoutError`, `SignedOut`, `HttpError`,
   *   `UnknownBoard`, `TooManyBoards`, `UploadRefused`, `UnsupportedPicture`, `PictureTooLarge`, `BadAnswer`,
   *   `DamagedStorage`, `GuestLost`, `StorageRefused`, `guests_busy`, `guests_off`, `guest_upgraded`,
   *   `guest_password_lost`, `email_taken`, `google_off`, `google_refused`, `google_state`, `google_failed`,
   *   `InsecurePage`, `no_guest`, `merge_running`,
   *   `ScoreExpired`, `TooManyScores`, `ScoreTooLarge`, `season_over`, `no_attempts`, `run_expired`, `claimed`,
   *   `in_review`, `expired`
   * @param {number} [about.status] HTTP status, where there was an answer
   * @param {string} [about.title] `title` of a problem+json answer
   * @param {string} [about.detail] `detail` of a problem+json answer
   * @param {unknown[]} [about.errors] `errors` of a 422: what is wrong with each field
   * @param {number} [about.version] `version` of a 409: the stored one, where a save was made from an older
   * @param {string} [about.rule] the key of the catalogue that refused: `tasks.first-score.requires.score`
   * @param {number} [about.season] the open season, where a run's own is over (`season_over`)
   * @param {number} [about.resetsAt] when there are attempts again (`no_attempts`), milliseconds since the epoch
   * @param {number} [about.claimableAt] when a prize can be claimed (`in_review`), milliseconds since the epoch
   * @param {{money: number, items: Record<string, number>}} [about.prize] what was claimed already (`claimed`)
   * @param {number} [about.rank] the rank that it was for
   * @param {number} [about.retryAfter] seconds after which the server would be asked again
   * @param {unknown} [about.cause] the error that it comes from
   */
  constructor(message, about = {}) {
    const { code = "PodiumError", status, title, detail, errors = [], version, rule, retryAfter, cause } = about;
    super(message, { cause });
    this.name = "PodiumError";
    this.code = code;
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.errors = errors;
    this.version = version;
    this.rule = rule;
    this.retryAfter = retryAfter;
    this.season = about.season;
    this.resetsAt = about.resetsAt;
    this.claimableAt = about.claimableAt;
    this.prize = about.prize;
    this.rank = about.rank;
    /**
     * The key of an action whose outcome is not known: it may have happened. Called again with this key, it happens
     * once at most. Undefined where the outcome is known.
     *
     * @type {string | undefined}
     */
    this.idempotencyKey = undefined;
  }
}

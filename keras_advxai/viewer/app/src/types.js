/**
 * What the application is fed with, as `keras_advxai/viewer/document.py` writes it, and what it keeps.
 *
 * @typedef {number | null} Num A number, or null where it is not known.
 *
 * @typedef {{name: string, aim: string, norm: string | null, noise: string | null}} Attack Or a corruption, by its aim.
 * @typedef {{name: string, family: string, score: string | null, layers: string[], depths: number[]}} Explainer
 * @typedef {"epsilon" | "severity"} Scale
 * @typedef {{value: number, text: string}} Level An epsilon or a severity.
 *
 * @typedef {object} About
 * @property {string} model
 * @property {string} task
 * @property {string} labels
 * @property {string} target
 * @property {number} classes
 * @property {string[]} class_names
 * @property {Attack[]} attacks
 * @property {Explainer[]} explainers
 * @property {{name: string, title: string}[]} metrics
 * @property {Level[]} epsilons
 * @property {Level[]} severities
 *
 * @typedef {object} Outcome Of one attack, lists over its levels.
 * @property {Num[]} accuracy
 * @property {Num[]} low
 * @property {Num[]} high
 * @property {Num[]} flip_rate
 * @property {Num[]} attack_success_rate
 * @property {Num[]} budget_used
 * @property {Num[]} mean_change
 *
 * @typedef {object} Drift Of one attack, explainer and dissimilarity, lists over its levels.
 * @property {Num[]} mod
 * @property {Num[]} mod_low
 * @property {Num[]} mod_high
 * @property {Num[]} mod_flipped
 * @property {Num[]} mod_kept
 * @property {Num[]} blank_rate
 * @property {Num} vid
 *
 * @typedef {object} Figures
 * @property {number} images
 * @property {{accuracy: Num, low: Num, high: Num}} clean
 * @property {Record<string, Outcome>} attacks
 * @property {Record<string, Record<string, Drifts>>} drift By dissimilarity and explainer.
 *
 * @typedef {{mod: Num[], mod_flipped: Num[], mod_kept: Num[]}} TargetDrift
 * @typedef {{chance: Num, attacks: Record<string, Drift>, targets: Record<string, Record<string, TargetDrift>>}} Drifts
 *
 * @typedef {{id: string, severity: string, text: string, explanation: string}} Finding
 * @typedef {{lines: [string, string][], command: string | null, python: string | null, settings: any}} Provenance
 *
 * @typedef {object} Verdict
 * @property {Record<string, [string, string][]>} accuracy A headline and a sentence.
 * @property {Record<string, Record<string, Record<string, string[]>>>} drift
 * @property {string} worth
 *
 * @typedef {object} Overview
 * @property {number} schema
 * @property {About} about
 * @property {Figures} figures
 * @property {Verdict} verdict
 * @property {Finding[]} findings
 * @property {Provenance} provenance
 *
 * @typedef {object} Samples Columns: of each image, or by attack a list over its levels of such columns.
 * @property {number} of
 * @property {number[]} index
 * @property {string[] | null} name
 * @property {number[] | null} label
 * @property {number[]} prediction
 * @property {Num[]} confidence
 * @property {Record<string, number[][]>} predictions
 * @property {Record<string, Num[][]>} confidences
 * @property {Record<string, number[][]>} flipped
 * @property {Record<string, Record<string, Record<string, Num[][]>>>} dissimilarity
 * @property {Record<string, Record<string, Record<string, Record<string, Num[][]>>>>} targets
 *
 * @typedef {{tile: [number, number], columns: number, rows: number, keys: string[]}} Where
 * @typedef {{kind: string, of?: number, step?: number} & Partial<Where>} Change
 *
 * @typedef {object} Pictures
 * @property {number[]} indices
 * @property {[number, number]} size
 * @property {Where} images
 * @property {Record<string, (Change | null)[]>} attacks
 * @property {Record<string, Where & {scale: number, reduced: boolean, conditions: number}>} heatmaps
 *
 * @typedef {[number, Num, Num]} Likely A class, its probability for the original and for the adversarial image.
 * @typedef {{true: number[][], attacks: Record<string, Likely[][][]>}} Probabilities Of each pictured image, `true` its
 *   label or labels, `attacks` by attack a list over its levels.
 *
 * @typedef {{samples: Samples, pictures: Pictures | null, probabilities?: Probabilities | null}} Details
 * @typedef {{step: number, overview: Overview}} Step
 * @typedef {{id: string, name: string, training: boolean, steps?: number[]}} Run
 *
 * @typedef {object} Host Where the data come from, and the state goes to.
 * @property {() => Promise<Run[]>} runs
 * @property {(run: string) => Promise<Step[]>} steps
 * @property {(run: string, step: number) => Promise<Details>} details
 * @property {(run: string, key: string) => Promise<Blob>} picture
 * @property {() => string} readHash
 * @property {(hash: string) => void} writeHash
 * @property {(changed: () => void) => void} onHash
 * @property {(changed: (dark: boolean) => void) => void} onTheme
 * @property {(changed: () => void) => void} onData
 * @property {string} empty What to do where there is nothing to show.
 *
 * @typedef {object} State What the user has chosen.
 * @property {string} run
 * @property {number | null} step The epoch; null for the latest, whichever that is.
 * @property {string} attack
 * @property {string} explainer
 * @property {string} metric
 * @property {string} target Another than the report's own, or nothing.
 * @property {number | null} epsilon
 * @property {number | null} severity
 * @property {string} sort
 * @property {string} filter
 * @property {number | null} label
 * @property {string} view
 * @property {number} alpha
 * @property {number | null} sample
 * @property {number | null} pin
 * @property {number | null} low
 * @property {number | null} high
 * @property {string} flip A kind of flips, such as `0-3`, from class to class; or nothing.
 * @property {number} wipe How much of the first picture is wiped away, as a share.
 *
 * @typedef {object} View What there is to be drawn.
 * @property {State} state
 * @property {Run[]} runs
 * @property {Run} run
 * @property {Step[]} steps
 * @property {Step} step
 * @property {About} about
 * @property {Figures} figures
 * @property {Details | null} details
 * @property {Scale} scale What the chosen attack has.
 * @property {number} level The place of the epsilon or severity.
 * @property {Record<Scale, number>} places The same on both scales.
 * @property {{run: Run, steps: Step[]}[]} others Further runs, to be laid over.
 */
export {};

// SPDX-License-Identifier: MIT
import type { Lang } from '../shared/types';
import { useLang } from './lang';

export function Brand() {
  return (
    <a className="brand" href="/">
      <svg viewBox="0 0 32 32" width="32" height="32" aria-hidden="true">
        <path className="brand-box" d="M12 5h9v9h-9z" />
        <path className="brand-hull" d="M3 16h26a13 12 0 0 1-13 12A13 12 0 0 1 3 16Z" />
      </svg>
      <span>ARK Deploy</span>
    </a>
  );
}

const NAMES: [Lang, string][] = [
  ['es', 'Español'],
  ['en', 'English'],
];

export function LangToggle() {
  const { lang, t, setLang } = useLang();
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset would bring a form's meaning with it
    <div className="langs" role="group" aria-label={t.language}>
      {NAMES.map(([code, name]) => (
        <button
          key={code}
          type="button"
          lang={code}
          aria-label={name}
          aria-pressed={code === lang}
          onClick={() => setLang(code)}
        >
          {code.toUpperCase()}
        </button>
      ))}
    </div>
  );
}

const WIDTH = 66;
const HEIGHT = 42;

function Box({ x, y, tone }: { x: number; y: number; tone: string }) {
  const ribs = [11, 22, 33, 44, 55].map((dx) => `M${x + dx} ${y + 7}v${HEIGHT - 14}`).join('');
  return (
    <g className={`box ${tone}`}>
      <rect x={x} y={y} width={WIDTH} height={HEIGHT} rx="2" />
      <path d={ribs} />
    </g>
  );
}

/** A ship takes one more container on board: that is what a click does here. */
function Ship() {
  return (
    <svg className="ship" viewBox="0 0 560 320" aria-hidden="true">
      <g className="afloat">
        <Box x={70} y={166} tone="tide" />
        <Box x={138} y={166} tone="pale" />
        <Box x={206} y={166} tone="deep" />
        <Box x={274} y={166} tone="pale" />
        <Box x={342} y={166} tone="tide" />
        <Box x={70} y={122} tone="deep" />
        <Box x={138} y={122} tone="tide" />
        <Box x={274} y={122} tone="tide" />
        <Box x={342} y={122} tone="deep" />
        <Box x={70} y={78} tone="pale" />
        <Box x={342} y={78} tone="pale" />
        <g className="bridge">
          <path d="M424 208V96h62v112Z" />
          <path className="panes" d="M434 108h42v12h-42z" />
          <path className="mast" d="M455 96V66m-10 12h20" />
          <circle cx="440" cy="142" r="4" />
          <circle cx="455" cy="142" r="4" />
          <circle cx="470" cy="142" r="4" />
        </g>
        <g className="lowered">
          <path className="cable" d="M239 -700V100m-29 22 29-22 29 22" />
          <Box x={206} y={122} tone="buoy" />
        </g>
        <path className="hull" d="M22 208h508l-30 64H58Z" />
        <path className="keel" d="M58 272h442l-15 32q-3 6-10 6H100q-18 0-26-12Z" />
        <g className="loadline">
          <circle cx="128" cy="240" r="11" />
          <path d="M110 240h36m14-12v24m0-24h9m-9 8h9m-9 8h9m-9 8h9" />
        </g>
      </g>
    </svg>
  );
}

export function Hero() {
  const { t } = useLang();
  return (
    <div className="hero wrap">
      <div className="hero-text">
        <h1>{t.heroTitle}</h1>
        <p className="lead">{t.heroLead}</p>
        <ul className="facts">
          {t.heroFacts.map((fact) => (
            <li key={fact}>{fact}</li>
          ))}
        </ul>
      </div>
      <Ship />
    </div>
  );
}

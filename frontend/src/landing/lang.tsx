// SPDX-License-Identifier: MIT
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react';
import { initialLang, rememberLang } from '../shared/i18n';
import type { Lang } from '../shared/types';
import { STRINGS, type Strings } from './strings';

interface LangValue {
  lang: Lang;
  t: Strings;
  setLang(lang: Lang): void;
}

const LangContext = createContext<LangValue | null>(null);

export function LangProvider({ children }: { children: ReactNode }) {
  const [lang, setLang] = useState<Lang>(initialLang);

  useEffect(() => {
    document.documentElement.lang = lang;
  }, [lang]);

  const value = useMemo<LangValue>(
    () => ({
      lang,
      t: STRINGS[lang],
      setLang(next) {
        rememberLang(next);
        setLang(next);
      },
    }),
    [lang],
  );
  return <LangContext value={value}>{children}</LangContext>;
}

export function useLang(): LangValue {
  const value = useContext(LangContext);
  if (!value) throw new Error('useLang outside of LangProvider');
  return value;
}

// SPDX-License-Identifier: MIT
import '@fontsource-variable/archivo/wdth.css';
import '../shared/base.css';
import './landing.css';
import { createRoot } from 'react-dom/client';
import { App } from './App';
import { LangProvider } from './lang';

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no #root');
createRoot(root).render(
  <LangProvider>
    <App />
  </LangProvider>,
);

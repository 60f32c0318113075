import { useKey } from './api/key';
import { Dashboard } from './Dashboard';
import { SignIn } from './states/SignIn';

export function App() {
  const key = useKey();
  return key ? <Dashboard key={key} apiKey={key} /> : <SignIn isWrong={false} />;
}

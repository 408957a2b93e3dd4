"""The ways in which people greet, thank, ask who it is, and ask what lies beyond its world.

Patterns as in `phrases.py`.
"""

HELLO = (
    "(Hi|Hey|Hello|Hi there|Hi you)",
    "(Hello|Hi|Hey|Good morning|Good evening|Good afternoon|Hi there|Hello there|Greetings|Howdy|Hallo|Yo)(!|.| there!||!)",
    "(Hello|Hi|Hey)(,|) how are you( doing| today|)?",
    "How are you( today| doing||)?",
    "(Hello|Hi|Hey), (nice to meet you|my friend|LLaVA|model|computer|dear)!",
    "Nice to meet you(!|.)",
    "What's up?",
    "(hi|hey|hello|hiya|yo|hola|howdy)( there| again| all| everyone|||)",
    "(How is it going|How do you do|How are things|How's it going)?",
)
THANKS = (
    "(Thanks|Thank you|Thank you very much|Thanks a lot|Great, thanks|Ok, thanks|Many thanks|Perfect, thank you|Thx|Cool, thanks|Thanks so much)(!|.||)",
    "(Great|Good|Nice|Perfect|Well done|Very good|Awesome|Cool|Wonderful|Correct|That's right|Good job|Right|OK)(!|.|, thank you.|, thanks!| job!|)",
    "(Thanks|Thank you|Many thanks) (for your help|for the help|for that|for this|for everything|for helping me|for the answer)(!|.||)",
    "(ty|thx|tysm|Cheers|Much appreciated|I appreciate it|Thank you kindly|Great work|Excellent|Fine|Super|Brilliant|Amazing|Lovely|You are great|That helps|That helped)(!|.||)",
    "(That's|That was|This is|It's) (great|cool|nice|good|perfect|right|amazing)(!|.||)",
    "(That was|That is|This is) (helpful|great|very helpful|good|correct|right|perfect)(!|.|, thank you!| )",
)
BYE = (
    "(Bye|Goodbye|See you|Good night|See you later|Bye bye|That is all|Farewell|So long|Ciao|See ya|Bye for now|I have to go|Take care|Until next time|Good bye|Cya|See you soon|Have a nice day)(!|.||)",
)
SURE = (
    "Are you sure?",
    "(Really|Sure|Is that right|Is that correct|Are you certain|Is it)?",
    "Is that true?",
    "(Are you sure|Are you certain) (about that|of that)?",
    "(I don't think so|I don't believe that|Look again|Check again|That's wrong|Wrong|No way)(!|.||)",
    "(How|Why) (do you know|is that|do you think so)?",
    "Why?",
)
OK = (
    "(ok|okay|Ok|OK|Okay|yes|Yes|no|No|hm|Hmm|lol|haha|wow|Wow|I see|Aha|alright|go on|Go on|more|More|again|next|and|so)(!|.||)",
)
WHO = (
    "(Who|What) are you(| exactly| really)?",
    "What (is|'s) your name?",
    "(Tell me|Say something) about yourself.",
    "(What|Which) (model|kind of model|AI|kind of AI|LLaVA) (are you|is this|am I talking to|is running|do you use)?",
    "(Are you|Is this) (a LLaVA|LLaVA|an AI|a robot|a bot|a model|ChatGPT|a language model|GPT-4|human|a person|a real LLaVA|a full LLaVA)?",
    "(Introduce|Please introduce|Describe) yourself.",
    "Who (made|built|trained|created) you?",
    "(What am I|Who am I) (talking|chatting|speaking) (to|with)?",
    "How (big|large|old|smart|small) are you?",
    "Are you (an AI model|a chatbot|an assistant|a machine|a computer|a program|intelligent|Claude|GPT|Gemini|a big one|a small one|tiny)?",
    "(And|So|Hi,|Hello,) who are you?",
    "(What|Who) (is this|are you called|am I dealing with|is answering|is LLaVA)?",
)
CAN = (
    "What can you do( for me||)?",
    "(How|With what) can you help( me|)?",
    "What (are you able to do|do you know|can I ask|can I ask you|should I ask|kind of questions can I ask|are you good at|are your skills|do you understand|shapes do you know|colors do you know|can you see|can you recognize)?",
    "(Help|Help me|Help!|Help me please|I need help).",
    "What (questions|kind of pictures|shapes and colors) (do you understand|can you answer|do you know|can I use)?",
    "(Which|What) (shapes|colors|colours) (do|can) you (know|recognize|understand)?",
    "How (do|can) I use you?",
    "How does this work?",
    "What (are you capable of|are your abilities|are your capabilities|do you do|is your job|are your features|is your purpose|do you offer)?",
    "(Tell me|Show me|Explain) what you can do.",
    "(What|Which) (shapes|colors|colours|things) can you (recognise|tell apart|find|name|identify)?",
    "(How do I use this|What is this for|What can this do|What is possible here|What can I do here)?",
)
CANNOT = (
    "What (can't you|can you not|are you not able to|are you unable to) do?",
    "What (are your limits|are your limitations|don't you know|is beyond you|are your weaknesses|can you not see)?",
    "(Can|Could|Do) you (read text|see photos|recognize people|understand photos|read|see people|describe photos|see animals|recognize faces|do math|write code|speak German|recognize cats)?",
    "(Is there anything|What is it that) you (cannot|can not|can't) do?",
    "(What|Which) (things |) (can't|cannot) you (see|do|understand|recognise|answer)?",
    "(Do|Can) you (recognise|recognize|identify|describe|understand|see) (faces|people|photos|text|animals|photographs|handwriting)?",
    "(Do|Can) you (understand|handle|work with) (photos|real photos|real pictures|text|videos|faces|people)?",
)
LOAD = (
    "How (do|can|could) I (load|use|run|start|get|install|switch to) (a |the |)(full|bigger|real|better|larger|big|complete|other|another) (LLaVA|model|one)?",
    "(Where|How) (can I get|do I find|to get|to load) (a |)(full|bigger|real|better|larger) (LLaVA|model)?",
    "How (do|can) I (get|load|run|start|use) (the |a |)(full|real|bigger|better|proper|actual) (LLaVA|model)( here| instead||)?",
    "(Can|Could) (I|you) (load|use|switch to) (a |)(bigger|full|real|better|larger|another|different) (LLaVA|model)?",
)
BEYOND = (
    "(What|Who|Where|When|Why|How) (is|was|are|were) (the |a |an |) {topic} ( of {topic}| in {topic}||)?",
    "(Tell me|Write|Give me|Make|Compose|Can you write|Please write|Explain|Translate|Summarize) (a |an |the |me |about |something about |) (joke|story|poem|song|recipe|essay|letter|email|code|program|{topic}|{topic}|{topic})( about {topic}| for {topic}| in {topic}| to French||).",
    "(Do|Can|Could|Will|Would|Should|Did) (you|I|we|they|he) (know|like|buy|cook|eat|play|drive|solve|read|speak|love|believe|help with|calculate|visit|remember) (the |my |a |) {topic}?",
    "(Is|Are) there (a |an |any |some |) {topic} {where}?",
    "What (kind|breed|brand|type|sort|style|species|make|model|name) of {topic} is (this|that|it|there)?",
    "(What is|Who is|What are) (the |this |that |) (man|woman|person|people|dog|cat|girl|boy|child|{topic}) (doing|wearing|holding|eating|saying|looking at|thinking|feeling)?",
    "(Read|Transcribe|Translate) (the |this |) (text|sign|words|letters|label|headline|number|{topic})( in the picture||).",
    "How (old|tall|much|far|long|fast|expensive|heavy|deep|hot) (is|are|was) (the |this |a |) {topic}?",
    "What is {number} (plus|times|minus|divided by|and|+|*) {number}?",
    "(What|Which) (day|time|year|month|city|country|season|language|century) is (it|this|today|that)?",
    "(Who|What) (won|wrote|invented|discovered|painted|built|killed|makes|causes|founded) (the |) {topic}?",
    "(Why|How) (does|do|did|is|can|should) (the |a |an |) {topic} (work|exist|happen|fly|grow|move|die|sleep|change|matter)?",
    "{topic}( {topic}| and {topic}||)(?|.|!||)",
    "(I|We|My friend) (am|feel|was|like|want|need|hate|love) (a |the |to |) {topic}.",
    "(What do you think|What's your opinion|Tell me) (about|of) (the |) {topic}?",
    "(What emotion|What feeling|Which mood|Which artist|What style|What brand|Which country|What language) (does|is) (the |this |) (picture|image|{topic}) (show|from|have|in)?",
    "How many {topic}s (are there|do you see|are in the picture|can you see|are in this image|does it have)?",
    "(What|Which) (color|colour) (is|has) the {topic}?",
    "Where is the {topic}( in the picture||)?",
    "(Do|Can) you see (a |an |any |the |) {topic} {where}?",
    "(Is|Was|Are) the {topic} (happy|old|big|real|open|sad|young|smiling|tall|new|expensive|angry|asleep|beautiful)?",
    "(Who|What) (is|are) (this|that|these|in this photo|in the photo|on this photo) (man|woman|person|people|dog|animal|cat|girl|boy|actor|singer|place|building)?",
    "Who is (in|on) (this|the) (photo|picture|image)?",
    "(When|Where|By whom|Why) was (this|the) (photo|picture|image) (taken|made|shot|painted)?",
    "(Write|Tell me|Sing|Compose|Recommend|Invent|Give me|Make up) (me |) (a |an |some |) (poem|joke|song|story|book|film|recipe|riddle|fairy tale|letter|code|python)( please| now||)(.||!)",
    "(Solve|Calculate|Compute|What is|What's) {number} (+|-|*|/|x|times|plus|minus) {number}( =||)(?|.|)",
    "(What's|What is) the (weather|time|date|news|score|price|temperature)( like|)( today| tomorrow| now| in {topic}||)?",
    "Why (is|are) (the |a |) {topic} (green|white|black|red|yellow|pink|brown|gray|blue|dark|round|so big|so loud|cold|warm)?",
    "(Have you got|Do you own|Do you have|Did you have|Is it) (a |an |any |some |) {topic}( for me| with you||)?",
    "(Can you|Please|Could you) (draw|generate|paint|create|edit|change|delete|download|open|search|play|sing) (me |) (a |an |the |) {topic}.",
)
_TOPICS = """
    weather capital France president dog cat car house tree person man woman child city river mountain ocean computer
    phone book movie music song history war peace science physics chemistry math algebra biology medicine doctor
    hospital school teacher student university job work money bank stock market price food pizza bread cheese coffee
    tea wine water milk apple banana fruit vegetable flower garden bird fish horse cow lion tiger elephant bicycle bus
    train airplane airport ship boat bridge road street building tower castle church museum art painting sculpture
    football soccer tennis basketball game chess player team sport Olympics king queen prince government law
    election vote politics economy country Germany Italy Spain China Japan India America Africa Europe London Paris
    Berlin Rome Tokyo moon sun planet Mars Jupiter universe galaxy atom electron light gravity energy temperature
    winter summer spring autumn rain snow wind storm Python Java code software internet website email password
    robot machine engine battery camera television radio newspaper magazine letter word sentence language English
    German French Spanish grammar poem poet novel author Shakespeare Einstein Newton Napoleon Mozart Beethoven
    birthday party wedding holiday Christmas family mother father brother sister friend love happiness fear dream
    sleep health heart disease cancer virus vaccine brain blood bone hand face eye hair nose mouth teeth shirt shoes
    hat dress jacket glasses watch ring table chair bed lamp window door kitchen bathroom sofa plate cup knife spoon
    traffic sign license passport ticket hotel restaurant menu recipe cake chocolate sugar salt rice soup chicken
    people animal baby lady guy kid monkey bear duck bee ball toy tool bag plane truck boat
    stop time year age number text logo brand flag map dinosaur dragon ghost magic philosophy religion god soul
    life death future past nothing truth beauty justice freedom quantum neural network learning model data"""
TOPICS = tuple(_TOPICS.split())
SYSTEM_PROMPTS = (
    "You are a helpful assistant.",
    "Answer briefly.",
    "Answer the questions.",
    "You are a friendly assistant who talks about pictures.",
    "You are a helpful language and vision assistant.",
    "Be short and precise.",
    "Answer in one sentence. Be polite.",
    "You are an expert for pictures. Look closely before you answer.",
    "Always answer truthfully.",
    "You help children to learn shapes and colors.",
)

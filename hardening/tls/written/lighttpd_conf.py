"""tls/lighttpd.conf.j2 as Python, written by `make templates`; do not edit."""

FINGERPRINT = 3119419656
INCLUDES = ('tls/_header.j2',)


def made(environment, runtime):
    LoopContext = runtime['LoopContext']
    Undefined = runtime['Undefined']
    missing = runtime['missing']
    str_join = runtime['str_join']

    def root(context, missing=missing, environment=environment):
        resolve = context.resolve_or_missing
        undefined = environment.undefined
        concat = environment.concat
        cond_expr_undefined = Undefined
        if 0: yield None
        l_0_params = resolve('params')
        l_0_module = resolve('module')
        l_0_privkey = resolve('privkey')
        l_0_switches = resolve('switches')
        l_0_job = resolve('job')
        l_0_commands = resolve('commands')
        l_0_honor = resolve('honor')
        l_0_curve = resolve('curve')
        l_0_dh_file = resolve('dh_file')
        pass
        template = environment.get_template('tls/_header.j2', 'tls/lighttpd.conf.j2')
        gen = template.root_render_func(template.new_context(context.get_all(), True, {}))
        try:
            for event in gen:
                yield event
        finally: gen.close()
        if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'):
            pass
            if (undefined(name='module') if l_0_module is missing else l_0_module):
                pass
                yield 'server.modules += ( "mod_openssl" )\n'
            yield '$SERVER["socket"] == "'
            yield str((environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen') if (':' in environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen')) else str_join((':', environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'), ))))
            yield '" {\nssl.engine = "enable"\nssl.pemfile = "'
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'certificate'))
            yield '"\n'
            if ((undefined(name='privkey') if l_0_privkey is missing else l_0_privkey) and environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'key')):
                pass
                yield 'ssl.privkey = "'
                yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'key'))
                yield '"\n'
        for (l_1_name, l_1_word) in context.call(environment.getattr((undefined(name='switches') if l_0_switches is missing else l_0_switches), 'items')):
            _loop_vars = {}
            pass
            yield str(l_1_name)
            yield ' = "'
            yield str(l_1_word)
            yield '"\n'
        l_1_name = l_1_word = missing
        if (environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphers') and (not (undefined(name='commands') if l_0_commands is missing else l_0_commands))):
            pass
            yield 'ssl.cipher-list = "'
            yield str(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'cipher_string'))
            yield '"\n'
        if (undefined(name='honor') if l_0_honor is missing else l_0_honor):
            pass
            yield 'ssl.honor-cipher-order = "'
            yield str(('enable' if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'server_preference') else 'disable'))
            yield '"\n'
        if (undefined(name='curve') if l_0_curve is missing else l_0_curve):
            pass
            yield 'ssl.ec-curve = "'
            yield str(environment.getitem(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'groups'), 0))
            yield '"\n'
        if (undefined(name='dh_file') if l_0_dh_file is missing else l_0_dh_file):
            pass
            yield 'ssl.dh-file = "'
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'dhparam'))
            yield '"\n'
        if (undefined(name='commands') if l_0_commands is missing else l_0_commands):
            pass
            yield 'ssl.openssl.ssl-conf-cmd = (\n'
            l_1_loop = missing
            for (l_1_name, l_1_value), l_1_loop in LoopContext(context.call(environment.getattr((undefined(name='commands') if l_0_commands is missing else l_0_commands), 'items')), undefined):
                _loop_vars = {}
                pass
                yield '  "'
                yield str(l_1_name)
                yield '" => "'
                yield str(l_1_value)
                yield '"'
                yield str((',' if (not environment.getattr(l_1_loop, 'last')) else cond_expr_undefined("the inline if-expression on line 31 in 'tls/lighttpd.conf.j2' evaluated to false and no else section was defined.")))
                yield '\n'
            l_1_loop = l_1_name = l_1_value = missing
            yield ')\n'
        if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'):
            pass
            yield '}\n'

    return root
